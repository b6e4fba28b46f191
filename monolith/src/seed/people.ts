import { hashPassword } from '../users/passwords.ts';
import type { Random } from './random.ts';
import type { Row } from './rows.ts';

const FIRST =
  'Anna|Jürgen|Zoë|Mehmet|Lena|Søren|Agnieszka|Tom|Greta|François|Ayşe|Paul|Ingrid|Marek|Sofía|Jan|Klára|Emil|Noor|Björn|Hélène|David|Ewa|Otto|Marta|Lukas|Nina|Oskar|Priya|Rosa|Kai|Siobhán|Theo|Ulrike|Viktor|Yara|Chidi|Mila|Hannes|Elif'.split(
    '|',
  );
const LAST =
  "Berger|Müller|O'Connor|Yılmaz|Schröder|Kierkegård|Nowak|Fischer|Lindqvist|Dupont|Weiß|Novák|García|van den Berg|Jäger|Horváth|Okafor|Bianchi|Sørensen|Krüger|McAllister|Petrov|Hoffmann|Lemaître|Świątek|Engel|Vogt|Ndiaye|Schäfer|Øst".split(
    '|',
  );
const STREETS =
  'Lindenallee|Hauptstraße|Am Mühlbach|Goethestraße|Hafenweg|Kastanienweg|Ringstraße|Rosengasse|Birkenweg|Alter Markt'.split(
    '|',
  );
const TOWNS = [
  ['10115', 'Berlin', 'DE'],
  ['20095', 'Hamburg', 'DE'],
  ['50667', 'Köln', 'DE'],
  ['04109', 'Leipzig', 'DE'],
  ['80331', 'München', 'DE'],
  ['38640', 'Goslar', 'DE'],
  ['1010', 'Wien', 'AT'],
  ['5020', 'Salzburg', 'AT'],
  ['8001', 'Zürich', 'CH'],
  ['1012 AB', 'Amsterdam', 'NL'],
  ['2100', 'København', 'DK'],
  ['67000', 'Strasbourg', 'FR'],
] as const;

/** The administrator and the customer whom README.md names. */
export const ADMINISTRATOR_ID = 1;
export const ANNA_ID = 2;

/** The users' rows, ids from 1. */
export async function people(count: number, random: Random): Promise<Row[]> {
  // The past must come out equal each time, so its salts do not vary; and one hash does for all who never log in.
  const known = (password: string) => hashPassword(password, Buffer.from('the-seed-of-shop'), 1024);
  const hashes = { admin: await known('admin'), anna: await known('anna'), others: await known('shop') };
  const rows: Row[] = [
    [
      ADMINISTRATOR_ID,
      'admin@shop.example',
      hashes.admin,
      'Irmgard Linden',
      'A',
      'Alter Markt 1',
      '38640',
      'Goslar',
      'DE',
      'Y',
      '2009-04-01 12:00:00',
    ],
    [
      ANNA_ID,
      'anna@shop.example',
      hashes.anna,
      'Anna Berger',
      'C',
      'Lindenallee 7',
      '10115',
      'Berlin',
      'DE',
      'Y',
      '2019-11-03 18:21:07',
    ],
  ];
  for (let id = 3; id <= count; id++) {
    const first = random.pick(FIRST);
    const last = random.pick(LAST);
    const [zip, town, country] = random.pick(TOWNS);
    const month = random.integer(1, 12);
    rows.push([
      id,
      `${mailName(first)}.${mailName(last)}${id}@mail.example`,
      hashes.others,
      `${first} ${last}`,
      'C',
      `${random.pick(STREETS)} ${random.integer(1, 180)}${random.chance(0.1) ? 'a' : ''}`,
      zip,
      town,
      country,
      random.chance(0.02) ? 'N' : 'Y',
      `${random.integer(2015, 2023)}-${String(month).padStart(2, '0')}-${String(random.integer(1, 28)).padStart(2, '0')} ${String(random.integer(6, 22)).padStart(2, '0')}:${String(random.integer(0, 59)).padStart(2, '0')}:00`,
    ]);
  }
  return rows;
}

function mailName(name: string): string {
  const plain = name.toLowerCase().replaceAll('ß', 'ss').replaceAll('ø', 'o').replaceAll('ı', 'i').replaceAll('ł', 'l');
  return plain.normalize('NFD').replace(/[^a-z]/g, '');
}
