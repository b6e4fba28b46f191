/** What is known of one kind of answer that the proxy makes itself. */
export interface Problem {
  readonly status: number;
  /** For people, the same every time. */
  readonly title: string;
  /** The error type of `Proxy-Status` (RFC 9209 section 2.3); undefined where that registry has none. */
  readonly proxyError: string | undefined;
}

/**
 * Every answer that the proxy makes itself, by its stable code. Whose fault it is decides the status: 4xx is the
 * client's, 502 the upstream's, 504 a time-out (RFC 9110 section 15.6), 503 a bound of ours.
 */
export const PROBLEMS = {
  'request-malformed': problem(400, 'The request is not valid HTTP', 'http_request_error'),
  'request-host-invalid': problem(400, 'The request needs exactly one valid Host', 'http_request_error'),
  'request-refused': problem(400, 'The request cannot be passed on as it is', 'http_request_error'),
  'request-timeout': problem(408, 'The request did not arrive in time', undefined),
  'expectation-unknown': problem(417, 'Nothing but 100-continue can be expected', 'http_request_error'),
  'request-head-too-large': problem(431, 'The head of the request is too large', 'http_request_error'),
  'transfer-coding-unknown': problem(501, 'This transfer coding is not supported', 'http_request_error'),
  'target-not-passed-on': problem(501, 'This form of request target cannot be passed on', 'http_request_denied'),
  'body-already-read': problem(500, 'The body was read before the proxy', 'proxy_configuration_error'),
  'request-loop': problem(502, 'The request goes round in circles', 'proxy_loop_detected'),
  'upstream-refused': problem(502, 'The upstream refused the connection', 'connection_refused'),
  'upstream-unknown': problem(502, 'The upstream has no address', 'dns_error'),
  'upstream-unroutable': problem(502, 'The upstream cannot be reached', 'destination_ip_unroutable'),
  'upstream-tls': problem(502, 'No safe connection to the upstream', 'tls_protocol_error'),
  'upstream-closed': problem(502, 'The upstream closed the connection', 'connection_terminated'),
  'upstream-invalid': problem(502, 'The upstream did not answer in valid HTTP', 'http_protocol_error'),
  'upstream-head-too-large': problem(502, 'The head of the answer is too large', 'http_response_header_section_size'),
  'upstream-upgrade': problem(502, 'The upgrade to another protocol failed', 'http_upgrade_failed'),
  'upstream-connect-timeout': problem(504, 'The upstream took too long to connect', 'connection_timeout'),
  'upstream-timeout': problem(504, 'The upstream took too long to answer', 'http_response_timeout'),
  'upstream-total-timeout': problem(504, 'The answer took too long to be finished', 'http_response_timeout'),
  'upstream-busy': problem(503, 'Too many requests to the upstream are under way', 'connection_limit_reached'),
  'upstream-circuit-open': problem(503, 'The upstream failed too often and is left alone', 'destination_unavailable'),
  'writes-held': problem(503, 'Writes wait for a change of owner, and this one has waited long enough', undefined),
  'writes-held-full': problem(503, 'Too many writes wait for a change of owner', 'connection_limit_reached'),
  'identity-unavailable': problem(503, 'Nobody can say who is asking', 'destination_unavailable'),
  'proxy-stopping': problem(503, 'The proxy is stopping', 'destination_unavailable'),
  'proxy-fault': problem(500, 'The proxy failed', 'proxy_internal_error'),
} as const satisfies Record<string, Problem>;

/** The stable code of an answer that the proxy makes itself. */
export type ProblemCode = keyof typeof PROBLEMS;

/** Why an upstream takes no request now. */
export type Refusal = Extract<ProblemCode, 'upstream-busy' | 'upstream-circuit-open'>;

/** The code for what undici, Node or the operating system reported while a request was with an upstream. */
export function upstreamProblem(error: unknown): ProblemCode {
  const { code, name } = error as { code?: unknown; name?: unknown };
  if (typeof code === 'string') {
    const known = BY_ERROR_CODE[code];
    if (known !== undefined) return known;
    if (/^(?:HPE_|ERR_HTTP_|ERR_INVALID_)/.test(code)) return 'upstream-invalid';
    if (/^(?:ERR_TLS_|ERR_SSL_|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO_)/.test(code)) return 'upstream-tls';
  }
  return name === 'HTTPParserError' ? 'upstream-invalid' : 'proxy-fault';
}

/** Whether a failure says something about the upstream: not about the client, and not about a bound of ours. */
export function isUpstreamsFault(code: ProblemCode): boolean {
  return code.startsWith('upstream-') && code !== 'upstream-busy' && code !== 'upstream-circuit-open';
}

/** Whether there was no connection, or there is none any more; an upstream that was merely slow is not asked again. */
export function isConnectionLost(code: ProblemCode): boolean {
  return CONNECTION_LOST.has(code);
}

const CONNECTION_LOST: ReadonlySet<ProblemCode> = new Set([
  'upstream-refused',
  'upstream-unknown',
  'upstream-unroutable',
  'upstream-tls',
  'upstream-connect-timeout',
  'upstream-closed',
] as const);

const BY_ERROR_CODE: Readonly<Record<string, ProblemCode>> = {
  ECONNREFUSED: 'upstream-refused',
  ENOTFOUND: 'upstream-unknown',
  EAI_AGAIN: 'upstream-unknown',
  EHOSTUNREACH: 'upstream-unroutable',
  ENETUNREACH: 'upstream-unroutable',
  EADDRNOTAVAIL: 'upstream-unroutable',
  ECONNRESET: 'upstream-closed',
  EPIPE: 'upstream-closed',
  UND_ERR_SOCKET: 'upstream-closed',
  ETIMEDOUT: 'upstream-connect-timeout',
  UND_ERR_CONNECT_TIMEOUT: 'upstream-connect-timeout',
  UND_ERR_HEADERS_TIMEOUT: 'upstream-timeout',
  UND_ERR_BODY_TIMEOUT: 'upstream-timeout',
  UND_ERR_HEADERS_OVERFLOW: 'upstream-head-too-large',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'upstream-invalid',
  UND_ERR_INVALID_ARG: 'request-refused',
  UND_ERR_NOT_SUPPORTED: 'request-refused',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'request-malformed',
  UND_ERR_CLOSED: 'proxy-stopping',
  UND_ERR_DESTROYED: 'proxy-stopping',
};

/** The name that `Via` and `Proxy-Status` use for the proxy. */
export const PROXY_NAME = 'strangler-proxy';

/** An answer that the proxy makes itself, ready to be sent. */
export interface ProblemAnswer {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string;
}

/**
 * Problem details (RFC 9457) and, where the registry has a word for it, `Proxy-Status` (RFC 9209). Says which upstream
 * failed by its name, never where it is.
 */
export function problemAnswer(code: ProblemCode, upstream?: string, requestId?: string): ProblemAnswer {
  const { status, title, proxyError }: Problem = PROBLEMS[code];
  const body = JSON.stringify({
    type: `urn:${PROXY_NAME}:problem:${code}`,
    title,
    status,
    code,
    ...(upstream === undefined ? {} : { upstream }),
    ...(requestId === undefined ? {} : { request_id: requestId }),
  });
  const headers = ['Content-Type', 'application/problem+json', 'Content-Length', String(Buffer.byteLength(body))];
  // A failure of ours must not outlive its cause in somebody's cache (RFC 9111 section 5.2.2.5).
  headers.push('Cache-Control', 'no-store');
  if (proxyError !== undefined) {
    const nextHop = upstream === undefined ? '' : `; next-hop=${upstream}`;
    headers.push('Proxy-Status', `${PROXY_NAME}; error=${proxyError}${nextHop}`);
  }
  if (status === 503) headers.push('Retry-After', '1');
  return { status, headers, body };
}

function problem(status: number, title: string, proxyError: string | undefined): Problem {
  return { status, title, proxyError };
}
