import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import sirv from 'sirv';
import { WebSocketServer } from 'ws';
import type { RandomBytes } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { contentSecurityPolicy } from './content-security-policy.ts';
import type { HostPort } from './host-port.ts';
import { Session } from './session.ts';
import { webSocketPort } from './websocket-port.ts';

/** Where the page opens its WebSocket. */
const SOCKET_PATH = '/bridge';

/** The longest message that a page has to send, with room to spare; in bytes. */
const LONGEST_MESSAGE = 64 * 1024;

/** Screens at one station: a few, and as many again that were not closed well. */
const MOST_CLIENTS = 32;

const LOOPBACK = '127.0.0.1';

export interface BridgeServerOptions {
  /** Folder of the built pages. */
  readonly files: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly random: RandomBytes;
  /** Called with each client that has proven itself. */
  readonly attach: (port: HostPort) => void;
}

export interface BridgeServer {
  readonly port: number;
  /** What the operator opens; carries the token. */
  readonly url: string;
  close(): Promise<void>;
}

/** Pages and bridge on loopback, for browsers on this computer that know the token. Throws `usage` when the port is taken. */
export async function startBridgeServer(options: BridgeServerOptions): Promise<BridgeServer> {
  const server = createServer();
  const port = await listen(server, options.port);
  const session = new Session(port, options.random);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: LONGEST_MESSAGE, perMessageDeflate: false });
  const files = sirv(options.files, { etag: true, dev: false });

  server.on('request', (request, response) => serve(request, response, session, files));
  server.on('upgrade', (request, socket, head) => {
    const refusal = whyNot(request, session, sockets.clients.size);
    if (refusal !== undefined) return refuseUpgrade(socket, refusal);
    sockets.handleUpgrade(request, socket, head, (client) => options.attach(webSocketPort(client)));
  });

  return {
    port,
    url: `http://${LOOPBACK}:${port}${session.entry}`,
    async close() {
      for (const client of sockets.clients) client.terminate();
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeAllConnections();
      await closed;
    },
  };
}

type FileHandler = (request: IncomingMessage, response: ServerResponse, next?: () => void) => void;

function serve(request: IncomingMessage, response: ServerResponse, session: Session, files: FileHandler): void {
  const host = request.headers.host ?? '';
  response.setHeader('Content-Security-Policy', contentSecurityPolicy([`http://${host}`, `ws://${host}`]));
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('Permissions-Policy', 'camera=(), geolocation=(), microphone=(), usb=(), serial=(), hid=()');
  if (!session.isOurHost(request)) return answer(response, 421, 'This is not the address of this station.');
  const url = parseUrl(request.url ?? '/', host);
  if (url === undefined) return answer(response, 400, 'Not an address.');
  if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405, 'Only GET and HEAD.');
  if (session.isEntry(url)) {
    response.setHeader('Set-Cookie', session.setCookie());
    response.setHeader('Cache-Control', 'no-store');
    response.writeHead(303, { Location: '/' }).end();
    return;
  }
  if (!session.isOpen(request)) {
    return answer(response, 403, 'Open the address that Flashline printed when it started: it lets this browser in.');
  }
  // Lets a page that lost its connection find out whether its session is still good.
  if (url.pathname === '/session') return answer(response, 200, 'open');
  if (url.pathname === '/' || url.pathname.endsWith('.html')) response.setHeader('Cache-Control', 'no-store');
  files(request, response, () => answer(response, 404, 'There is no such page.'));
}

function whyNot(request: IncomingMessage, session: Session, clients: number): string | undefined {
  if (!session.isOurHost(request)) return '421 Misdirected Request';
  if (parseUrl(request.url ?? '', request.headers.host ?? '')?.pathname !== SOCKET_PATH) return '404 Not Found';
  if (!session.isOurOrigin(request) || !session.isOpen(request)) return '403 Forbidden';
  return clients >= MOST_CLIENTS ? '503 Service Unavailable' : undefined;
}

function refuseUpgrade(socket: Duplex, status: string): void {
  // The peer may be gone already; there is nobody left to tell.
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.setHeader('Cache-Control', 'no-store');
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}

function parseUrl(path: string, host: string): URL | undefined {
  return URL.parse(path, `http://${host}`) ?? undefined;
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const detail = cause.code === 'EADDRINUSE' ? `port ${port} is in use; choose another with --port` : cause.message;
      reject(new FlashlineError('usage', { params: { detail }, cause }));
    });
    server.listen(port, LOOPBACK, resolve);
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}
