import { BlockList, isIP, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** The other end of the client's connection. */
export interface Peer {
  readonly address: string;
  /** A proxy of ours: what it says about the client is believed. */
  readonly trusted: boolean;
  readonly encrypted: boolean;
}

/**
 * Says who is at the other end of a connection.
 *
 * @param trusted addresses and networks (`10.0.0.0/8`) whose forwarding claims are believed; `loopback` is this machine
 * @throws Error for what is neither
 */
export function peerReader(trusted: readonly string[]): (socket: Socket) => Peer {
  const hops = new BlockList();
  for (const entry of trusted.flatMap((name) => (name === 'loopback' ? ['127.0.0.0/8', '::1'] : [name]))) {
    const [address = '', bits, ...rest] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (isIP(address) === 0 || rest.length > 0) throw new Error(`${entry} is no IP address and no network of them`);
    if (bits === undefined) hops.addAddress(address, family);
    else hops.addSubnet(address, Number(bits), family);
  }
  const peers = new WeakMap<Socket, Peer>();
  return (socket) => {
    let peer = peers.get(socket);
    if (peer === undefined) {
      // A socket that listens on IPv6 shows IPv4 peers mapped (RFC 4291 section 2.5.5.2).
      const address = (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      const isTrusted = trusted.length > 0 && isIP(address) > 0 && hops.check(address, family);
      peer = { address, trusted: isTrusted, encrypted: (socket as TLSSocket).encrypted === true };
      peers.set(socket, peer);
    }
    return peer;
  };
}
