/** Fields of one connection, which end where it does, in either direction (RFC 9110 section 7.6.1). */
export const CONNECTION_FIELDS = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te'];
