/** A string as an SQL literal, whatever `standard_conforming_strings` says. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/**
 * An SQL expression that fails for every value of `column` except NULL, and says why.
 *
 * SQL has no expression that raises. But casting a text that is no integer to integer does, and PostgreSQL puts the
 * text into its message: `invalid input syntax for type integer: "flag cannot carry "X": ..."`. Because the text holds
 * the value, it is no constant, so the planner never evaluates it ahead of the CASE branch that it stands in.
 */
export function refusal(column: string, kind: string, why: string, type: string): string {
  const message = `${literal(`${kind} cannot carry "`)} || (${column})::text || ${literal(`": ${why}`)}`;
  return `(${message})::integer::text::${type}`;
}
