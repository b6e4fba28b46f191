import { invalid } from '../answer-faults.ts';

/**
 * What may not stand anywhere in a head (RFC 9112 sections 2.2, 4 and 5): control characters, a return or a line feed
 * without the other, and a line that goes on in the next (obs-fold). Each has been used to make two readers of one
 * message see two different messages.
 */
const FORBIDDEN = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?!\n)|(?<!\r)\n|\n[\t ]/;

/** RFC 9110 section 5.6.2. A space before the colon is not among them, and so is refused (RFC 9112 section 5.1). */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Whether all of a head's lines end as they should and hold nothing but what may be in them. */
export function isCleanHead(head: string): boolean {
  return !FORBIDDEN.test(head);
}

/**
 * Reads field lines, each with its CRLF, from `from` to the end of the text.
 *
 * @returns names and values in turn, in their order and case
 * @throws UpstreamFault for a line that is none
 */
export function readFieldLines(head: string, from: number): string[] {
  const fields: string[] = [];
  for (let at = from; at < head.length; ) {
    const end = head.indexOf('\r\n', at);
    const colon = head.indexOf(':', at);
    if (colon < 0 || colon > end) throw invalid('a field line has no colon');
    const name = head.slice(at, colon);
    if (!TOKEN.test(name)) throw invalid('a field name is no token');
    fields.push(name, withoutBlanks(head, colon + 1, end));
    at = end + 2;
  }
  return fields;
}

/** The value without the optional blanks around it (RFC 9112 section 5). */
function withoutBlanks(head: string, from: number, to: number): string {
  let [start, end] = [from, to];
  while (start < end && isBlank(head.charCodeAt(start))) start++;
  while (end > start && isBlank(head.charCodeAt(end - 1))) end--;
  return head.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
