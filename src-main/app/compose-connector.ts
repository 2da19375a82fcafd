import type { Connector } from '../programmer/programmer.ts';
import { probeWays, wayOf } from './connect/ways.ts';

export interface ConnectorOptions {
  /** The bench's virtual seconds to a real one, for people to watch; null lets virtual time cost no real time. */
  readonly pace: number | null;
}

/** Ways to units by probe URL. The connector throws `probe-address`, and `interface-unsupported` where the way has not got it. */
export function connectorOf({ pace }: ConnectorOptions): Connector {
  const ways = probeWays(pace);
  return (request) => wayOf(request.url, ways).parse(request.url)(request);
}
