import { decodeClone, encodeClone } from './clone.ts';

/** The name of the world that preload scripts live in; the page's scripts cannot reach into it. */
export const ISOLATED_WORLD = 'electron-stand-in isolated world';
/** The function that the DevTools protocol puts into that world, and only there. */
export const BINDING = '__electronStandInPost';
/** What that world offers to the stand-in's main process. */
export const INTERNALS = '__electronStandIn';

/** Values that cross between worlds: functions become proxies, all else is copied. Names an event nobody can guess. */
interface Crossing {
  readonly events: string;
}

type Encoded =
  | { readonly kind: 'function'; readonly id: number }
  | { readonly kind: 'object'; readonly entries: readonly (readonly [string, Encoded])[] }
  | { readonly kind: 'array'; readonly items: readonly Encoded[] }
  | { readonly kind: 'value'; readonly value: unknown };

interface Side {
  encode(value: unknown): Encoded;
  decode(value: Encoded): unknown;
  tell(detail: object): void;
}

/**
 * Runs in both worlds of a document, before any other script. The worlds share the DOM and nothing else, so they speak by
 * synchronous DOM events; an event's detail is a structured clone on the other side. Leaves nothing on the global object.
 * Sent as source text: it may use nothing from outside itself.
 */
function openSide(
  { events }: Crossing,
  role: 'page' | 'isolated',
  onExpose: (key: string, api: unknown) => void,
): Side {
  const functions: ((...args: unknown[]) => unknown)[] = [];
  const other = role === 'page' ? 'isolated' : 'page';
  const dispatch = document.dispatchEvent.bind(document);
  const CustomEventClass = CustomEvent;
  const { isArray } = Array;
  const { entries, freeze, create, defineProperty } = Object;
  let returned: { value?: Encoded; error?: string } | null = null;

  const tell = (detail: object): void => void dispatch(new CustomEventClass(`${events} ${other}`, { detail }));

  const encode = (value: unknown): Encoded => {
    if (typeof value === 'function') {
      return { kind: 'function', id: functions.push(value as (...args: unknown[]) => unknown) - 1 };
    }
    if (isArray(value)) return { kind: 'array', items: value.map((item) => encode(item)) };
    if (typeof value === 'object' && value !== null) {
      const prototype: unknown = Object.getPrototypeOf(value);
      if (prototype === null || (prototype as { constructor?: { name?: string } }).constructor?.name === 'Object') {
        return { kind: 'object', entries: entries(value).map(([key, item]) => [key, encode(item)] as const) };
      }
    }
    return { kind: 'value', value: structuredClone(value) };
  };
  const decode = (encoded: Encoded): unknown => {
    if (encoded.kind === 'value') return encoded.value;
    if (encoded.kind === 'function') return (...args: unknown[]) => call(encoded.id, args);
    if (encoded.kind === 'array') return freeze(encoded.items.map((item) => decode(item)));
    const object = create(Object.prototype) as object;
    for (const [key, item] of encoded.entries) defineProperty(object, key, { value: decode(item), enumerable: true });
    return freeze(object);
  };
  const call = (id: number, args: unknown[]): unknown => {
    returned = null;
    tell({ type: 'call', id, args: args.map((arg) => encode(arg)) });
    const answer = returned as { value?: Encoded; error?: string } | null;
    returned = null;
    if (answer === null) throw new Error('the other world did not answer');
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.value === undefined ? undefined : decode(answer.value);
  };
  document.addEventListener(`${events} ${role}`, (event) => {
    event.stopImmediatePropagation();
    const { detail } = event as CustomEvent<{
      type: 'call' | 'return' | 'expose';
      id?: number;
      args?: Encoded[];
      key?: string;
      api?: Encoded;
      value?: Encoded;
      error?: string;
    }>;
    if (detail.type === 'return') {
      returned = detail;
      return;
    }
    if (detail.type === 'expose') {
      try {
        onExpose(detail.key ?? '', detail.api === undefined ? undefined : decode(detail.api));
        tell({ type: 'return' });
      } catch (thrown) {
        tell({ type: 'return', error: String(thrown) });
      }
      return;
    }
    try {
      const result = functions[detail.id ?? -1]?.(...(detail.args ?? []).map((arg) => decode(arg)));
      tell({ type: 'return', value: encode(result) });
    } catch (thrown) {
      tell({ type: 'return', error: thrown instanceof Error ? thrown.message : String(thrown) });
    }
  });
  return {
    encode,
    decode,
    tell(detail) {
      returned = null;
      tell(detail);
      const answer = returned as { error?: string } | null;
      if (answer?.error !== undefined) throw new Error(answer.error);
    },
  };
}

/** Runs in the page's own world: puts there what the preload exposes, read-only, and nothing else. */
function servePage(open: typeof openSide, crossing: Crossing): void {
  open(crossing, 'page', (key, api) => {
    if (key in window)
      throw new Error(`Cannot bind an API on top of an existing property on the window object: ${key}`);
    Object.defineProperty(window, key, { value: api, enumerable: true, writable: false, configurable: false });
  });
}

interface IsolatedParts {
  readonly open: typeof openSide;
  readonly encode: typeof encodeClone;
  readonly decode: typeof decodeClone;
  readonly crossing: Crossing;
  readonly binding: string;
  readonly internals: string;
  readonly subframes: boolean;
}

/** Runs in the isolated world: makes the renderer's `electron` and runs the preload script with it. */
function serveIsolated(
  parts: IsolatedParts,
  preload: (require: unknown, module: object, exports: object) => void,
): void {
  const { open, encode, decode, crossing, binding, internals, subframes } = parts;
  const host = globalThis as unknown as Record<string, (text: string) => void>;
  const post = (message: object): void => host[binding]?.(JSON.stringify(message));
  type Listener = (event: object, ...args: unknown[]) => void;
  const listeners = new Map<string, Set<Listener>>();
  const side = open(crossing, 'isolated', () => undefined);

  const ipcRenderer = {
    on(channel: string, listener: Listener) {
      listeners.set(channel, (listeners.get(channel) ?? new Set()).add(listener));
      return ipcRenderer;
    },
    off(channel: string, listener: Listener) {
      listeners.get(channel)?.delete(listener);
      return ipcRenderer;
    },
    send(channel: string, ...args: unknown[]) {
      post({ type: 'send', channel, args: encode(args) });
    },
  };
  const contextBridge = {
    exposeInMainWorld(key: string, api: unknown) {
      side.tell({ type: 'expose', key, api: side.encode(api) });
    },
  };
  const deliver = (channel: string, text: string): void => {
    const args = decode(text) as unknown[];
    for (const listener of listeners.get(channel) ?? []) listener({ sender: ipcRenderer, ports: [] }, ...args);
  };
  Object.defineProperty(globalThis, internals, { value: { ipcRenderer, deliver } });

  // Only the top frame gets the preload script (nodeIntegrationInSubFrames is off).
  if (window !== window.top && !subframes) return;
  const require = (name: string): unknown => {
    if (name === 'electron' || name === 'electron/renderer') return { contextBridge, ipcRenderer };
    throw new Error(`module not found: ${name}`);
  };
  try {
    const module = { exports: {} };
    preload(require, module, module.exports);
  } catch (thrown) {
    post({ type: 'preload-error', message: String(thrown) });
  }
}

export function pageWorldScript(crossing: Crossing): string {
  return `(${servePage.toString()})(${openSide.toString()}, ${JSON.stringify(crossing)});`;
}

export function isolatedWorldScript(crossing: Crossing, preload: string): string {
  const parts = `{
    open: ${openSide.toString()},
    encode: ${encodeClone.toString()},
    decode: ${decodeClone.toString()},
    crossing: ${JSON.stringify(crossing)},
    binding: ${JSON.stringify(BINDING)},
    internals: ${JSON.stringify(INTERNALS)},
    subframes: false,
  }`;
  return `(${serveIsolated.toString()})(${parts}, (require, module, exports) => {\n${preload}\n});`;
}

/** The renderer's half keeps to Electron's types. */
type Renderer = {
  readonly ipcRenderer: Pick<Electron.IpcRenderer, 'on' | 'off' | 'send'>;
  readonly contextBridge: Pick<Electron.ContextBridge, 'exposeInMainWorld'>;
};
export type RendererMembers = keyof Renderer;
