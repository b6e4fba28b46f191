export { cents } from './cents.ts';
export { code, flag } from './code.ts';
export { boolean, column, integer, json, numeric, text } from './identity.ts';
export { list } from './list.ts';
export { padded } from './padded.ts';
export { utc } from './utc.ts';
