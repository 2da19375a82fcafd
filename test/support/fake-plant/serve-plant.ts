import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { type FakePlant, Refused } from './fake-plant.ts';

/**
 * What happens to one exchange. `lost`: carried out, the answer never comes; `twice`: carried out two times; `half`: the answer
 * ends in its middle; `silence`: nothing ever comes.
 */
export type Fault = 'reset' | 'lost' | 'half' | 'unavailable' | 'nonsense' | 'twice' | 'silence' | null;

export interface ServedPlant {
  readonly url: string;
  /** Every call that came, as `POST /station/report`. */
  readonly calls: string[];
  /** Chosen for each call. */
  fault: (call: string, index: number) => Fault;
  close(): Promise<void>;
}

export async function servePlant(
  plant: FakePlant,
  tls: { readonly key: string; readonly cert: string } | null = null,
): Promise<ServedPlant> {
  const served = { calls: [] as string[], fault: (): Fault => null };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    void handle(plant, served, request, response);
  };
  const server = tls === null ? createServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(served, {
    url: `${tls === null ? 'http' : 'https'}://127.0.0.1:${port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

async function handle(
  plant: FakePlant,
  served: Pick<ServedPlant, 'calls' | 'fault'>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const path = (request.url ?? '').replace('/api/v1', '');
  const call = `${request.method} ${path}`;
  const fault = served.fault(call, served.calls.push(call) - 1);
  if (fault === 'reset') return void request.socket.resetAndDestroy();
  if (fault === 'silence') return;
  if (fault === 'unavailable') return void response.writeHead(503).end('<h1>try later</h1>');
  if (fault === 'nonsense') return void response.writeHead(200, { 'content-type': 'application/json' }).end('{"no":1}');
  const packed = Buffer.concat(parts);
  const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(packed) : packed;
  const work = () => answered(plant, request, path, bytes);
  if (fault === 'twice') work();
  const { status, body, type } = work();
  if (fault === 'lost') return void request.socket.resetAndDestroy();
  response.writeHead(status, { 'content-type': type, 'content-length': body.length });
  if (fault !== 'half') return void response.end(body);
  response.write(body.subarray(0, body.length / 2), () => request.socket.resetAndDestroy());
}

function answered(plant: FakePlant, request: IncomingMessage, path: string, bytes: Buffer) {
  const token = request.headers.authorization?.replace('Bearer ', '') ?? null;
  try {
    const json = bytes.length === 0 ? {} : (JSON.parse(bytes.toString()) as Record<string, unknown>);
    const answer = plant.answer(request.method ?? '', path, json, token);
    if (answer instanceof Uint8Array)
      return { status: 200, body: Buffer.from(answer), type: 'application/octet-stream' };
    return { status: 200, body: Buffer.from(JSON.stringify(answer)), type: 'application/json' };
  } catch (thrown) {
    if (!(thrown instanceof Refused)) throw thrown;
    const failure = { code: thrown.code, blame: 'plant', where: {}, params: thrown.params };
    const body = Buffer.from(JSON.stringify({ failure, message: thrown.code, remedy: '' }));
    return { status: thrown.status, body, type: 'application/json' };
  }
}
