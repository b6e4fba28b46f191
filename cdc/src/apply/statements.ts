import pg from 'pg';
import { quoteName } from '../database/connect.ts';
import type { TargetTable } from '../map.ts';

/** Column -> its type for a cast. */
export type CastTypes = Readonly<Record<string, string>>;

/*
 * Each statement takes one text array per column and casts each element: to the column's type without its modifier, so
 * that the assignment which follows refuses a value that is too long, where an explicit cast would cut it off.
 */

/** Whole rows that are not there, as COPY's text. It takes the values of generated keys, casts none, and cuts none off. */
export function copyStatement(table: TargetTable): string {
  return `COPY ${quoteName(table)} (${table.columns.map(quote).join(', ')}) FROM STDIN`;
}

/** Whole rows: inserted, or overwritten where the key is there. In the order of the arrays. */
export function putStatement(table: TargetTable, casts: CastTypes): string {
  const names = table.columns.map(quote);
  const others = names.slice(table.keyWidth).map((name) => `${name} = excluded.${name}`);
  return [
    `INSERT INTO ${quoteName(table)} (${names.join(', ')}) OVERRIDING SYSTEM VALUE`,
    `SELECT ${table.columns.map((column, index) => `u.c${index}::${castOf(casts, table, column)}`).join(', ')}`,
    `FROM ${unnest(table.columns.length)}`,
    `ON CONFLICT (${names.slice(0, table.keyWidth).join(', ')})`,
    others.length > 0 ? `DO UPDATE SET ${others.join(', ')}` : 'DO NOTHING',
  ].join(' ');
}

/** Some columns of rows that are there: the key's arrays first, then those of `columns`. */
export function setStatement(table: TargetTable, columns: readonly number[], casts: CastTypes): string {
  const set = columns.map((column, index) => {
    const name = table.columns[column]!;
    return `${quote(name)} = u.c${table.keyWidth + index}::${castOf(casts, table, name)}`;
  });
  return [
    `UPDATE ${quoteName(table)} AS t SET ${set.join(', ')}`,
    `FROM ${unnest(table.keyWidth + columns.length)} WHERE ${keyMatches(table, casts)}`,
  ].join(' ');
}

export function deleteStatement(table: TargetTable, casts: CastTypes): string {
  return `DELETE FROM ${quoteName(table)} AS t USING ${unnest(table.keyWidth)} WHERE ${keyMatches(table, casts)}`;
}

/** All at once: PostgreSQL refuses to empty a table that another one refers to, unless both are. */
export function truncateStatement(tables: readonly TargetTable[]): string {
  return `TRUNCATE ${tables.map(quoteName).join(', ')}`;
}

/** The text of an array of these values. */
export function arrayText(values: readonly (string | null)[]): string {
  let array = '{';
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (index > 0) array += ',';
    if (value === null) array += 'NULL';
    else array += `"${SPECIAL.test(value) ? value.replaceAll(SPECIALS, '\\$&') : value}"`;
  }
  return `${array}}`;
}

const SPECIAL = /["\\]/;
const SPECIALS = /["\\]/g;

function unnest(width: number): string {
  const range = Array.from({ length: width }, (_, index) => index);
  return `unnest(${range.map((index) => `$${index + 1}::text[]`).join(', ')}) AS u(${range.map((index) => `c${index}`).join(', ')})`;
}

function keyMatches(table: TargetTable, casts: CastTypes): string {
  const key = table.columns.slice(0, table.keyWidth);
  return key.map((name, index) => `t.${quote(name)} = u.c${index}::${castOf(casts, table, name)}`).join(' AND ');
}

function castOf(casts: CastTypes, table: TargetTable, column: string): string {
  const type = casts[column];
  if (type === undefined) throw new Error(`${table.schema}.${table.name} has no column ${column}`);
  return type;
}

const quote = (name: string) => pg.escapeIdentifier(name);
