import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { CustomScheme } from 'electron';
import { contentSecurityPolicy } from '../bridge/content-security-policy.ts';

/** The page's own scheme: unlike `file://` it has an origin, so that "ours" can be told from anything else. */
export const SCHEME = 'flashline';
export const ORIGIN = `${SCHEME}://app`;

/** Registered before the app is ready. Nothing beyond what a page of ours needs. */
export const PRIVILEGED_SCHEME: CustomScheme = {
  scheme: SCHEME,
  privileges: { standard: true, secure: true, supportFetchAPI: true },
};

/** In the desktop shell the page talks through the preload's pipe alone, so it may connect to nothing. */
export const CONTENT_SECURITY_POLICY = contentSecurityPolicy([]);

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wav': 'audio/wav',
  '.mp3': 'audio/mpeg',
  '.ogg': 'audio/ogg',
};

/** Whether `url` is a page or an asset of ours: exactly `flashline://app/...`, no user, no port. */
export function isOurs(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed !== null && parsed.href.startsWith(`${ORIGIN}/`);
}

/**
 * The file that `url` names below `root`, or null for whatever is not plainly inside it. The check is on the decoded
 * path: `%2e%2e%2f`, backslashes, drive letters and NTFS streams (`name:stream`) are all refused, on every system alike.
 */
export function assetPath(root: string, url: string): string | null {
  if (!isOurs(url)) return null;
  const decoded = decode(new URL(url).pathname);
  if (decoded === null || /[\\:\0]/.test(decoded)) return null;
  const segments = decoded.split('/').slice(1);
  if (segments.some((segment) => segment === '..' || segment === '.')) return null;
  const names = segments.filter((segment) => segment !== '');
  const isFolder = segments.at(-1) === '';
  return path.join(root, ...names, ...(isFolder ? ['index.html'] : []));
}

/** Answers the page's requests from the files below `root`; links that lead out of it are not followed. */
export function serveAssets(root: string): (request: Request) => Promise<Response> {
  return async ({ method, url }) => {
    if (method !== 'GET' && method !== 'HEAD') return plain(405, 'Only GET and HEAD are answered here.');
    const file = assetPath(root, url);
    const content = file === null ? null : await readInside(root, file);
    if (file === null || content === null) return plain(404, 'There is no such file in the app.');
    return new Response(method === 'HEAD' ? null : content, {
      headers: { ...COMMON_HEADERS, 'content-type': CONTENT_TYPES[path.extname(file)] ?? 'application/octet-stream' },
    });
  };
}

const COMMON_HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

function plain(status: number, text: string): Response {
  return new Response(text, { status, headers: { ...COMMON_HEADERS, 'content-type': 'text/plain; charset=utf-8' } });
}

function decode(pathname: string): string | null {
  try {
    return decodeURIComponent(pathname);
  } catch (cause) {
    if (cause instanceof URIError) return null;
    throw cause;
  }
}

async function readInside(root: string, file: string): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    const [realRoot, realFile] = await Promise.all([realpath(root), realpath(file)]);
    if (!realFile.startsWith(realRoot + path.sep)) return null;
    return new Uint8Array(await readFile(realFile));
  } catch (cause) {
    if (isAbsent(cause)) return null;
    throw cause;
  }
}

function isAbsent(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR' || code === 'ENAMETOOLONG';
}
