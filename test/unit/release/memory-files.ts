import type { Files } from '#main/release/files.ts';

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/** A file system of a few files; `links` name where a path really leads. */
export function memoryFiles(
  content: Readonly<Record<string, string | Uint8Array>>,
  links: Readonly<Record<string, string>> = {},
): Files {
  const isFolder = (path: string) => Object.keys(content).some((name) => name.startsWith(`${path}/`));
  return {
    read: async (path, maxBytes) => {
      const found = content[path];
      if (found === undefined) throw systemError(isFolder(path) ? 'EISDIR' : 'ENOENT', path);
      const bytes = typeof found === 'string' ? new TextEncoder().encode(found) : found;
      if (bytes.length > maxBytes) throw new Error(`larger than ${maxBytes} bytes`);
      return bytes;
    },
    isFolder: async (path) => {
      if (!isFolder(path) && content[path] === undefined) throw systemError('ENOENT', path);
      return isFolder(path);
    },
    list: async (folder) => {
      const prefix = `${folder}/`;
      const names = Object.keys(content).filter((name) => name.startsWith(prefix));
      if (names.length === 0) throw systemError('ENOENT', folder);
      return names.map((name) => name.slice(prefix.length)).filter((name) => !name.includes('/'));
    },
    realPath: async (path) => {
      if (content[path] === undefined && links[path] === undefined && !isFolder(path))
        throw systemError('ENOENT', path);
      return links[path] ?? path;
    },
  };
}
