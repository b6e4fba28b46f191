import type { Fields } from './head-additions.ts';

/**
 * What has no place in a trailer (RFC 9110 section 6.5.1): whoever puts trailers beside the fields of the head would be
 * told anew how the message is framed, where it goes, who sends it and what it holds, after everybody on the way has
 * looked at the head.
 */
const NOT_IN_TRAILERS = new RegExp(
  [
    '^(?:connection|keep-alive|proxy-.+|te|trailer|transfer-encoding|upgrade|http2-settings',
    '|content-(?:length|encoding|type|range|location)|host|max-forwards|expect|range|if-.+|cache-control|pragma|vary',
    '|authorization|www-authenticate|cookie|set-cookie|age|date|expires|location|retry-after|warning',
    '|forwarded|via|x-forwarded-.+|x-real-ip|x-request-id|traceparent|tracestate|x-shadow-request|x-served-by|x-strangler-.+)$',
  ].join(''),
);

/**
 * The trailers that are passed on.
 *
 * @param raw names and values in turn
 * @param named what the head's Connection names
 */
export function passableTrailers(raw: Fields, named: ReadonlySet<string> | undefined): Fields {
  if (raw.length === 0) return raw;
  const trailers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const [name, value] = [raw[i] as string, raw[i + 1] as string];
    const lower = name.toLowerCase();
    if (!NOT_IN_TRAILERS.test(lower) && named?.has(lower) !== true) trailers.push(name, value);
  }
  return trailers;
}

/** `Trailer` promises trailers, and only chunks can have them behind them. */
export function withoutTrailerPromise(headers: Fields): string[] {
  return headers.filter((_, i) => headers[i - (i % 2)]?.toLowerCase() !== 'trailer');
}
