/**
 * Structured clones as JSON text: the DevTools protocol carries only that. A value is first cloned by the platform's own
 * `structuredClone` (which refuses functions, and drops prototypes, as Electron's IPC does), then written as a table whose
 * rows refer to each other by number, so that cycles and shared objects survive.
 *
 * The two functions are also sent into pages as source text: they may use nothing from outside themselves.
 */
export function encodeClone(value: unknown): string {
  const rows: unknown[] = [];
  const seen = new Map<unknown, number>();
  const bytes = (view: ArrayBufferLike): string =>
    Array.from(new Uint8Array(view), (b) => String.fromCharCode(b)).join('');
  const describe = (each: object): unknown[] => {
    if (Array.isArray(each)) return ['array', ...Array.from(each, (item) => put(item))];
    if (each instanceof Date) return ['date', put(each.getTime())];
    if (each instanceof RegExp) return ['regexp', each.source, each.flags];
    if (each instanceof Map) return ['map', ...[...each].map(([key, item]) => [put(key), put(item)])];
    if (each instanceof Set) return ['set', ...[...each].map((item) => put(item))];
    if (each instanceof ArrayBuffer) return ['buffer', btoa(bytes(each))];
    if (ArrayBuffer.isView(each))
      return ['view', each.constructor.name, put(each.buffer), each.byteOffset, each.byteLength];
    if (each instanceof Error) return ['error', each.name, each.message];
    return ['object', ...Object.entries(each).map(([key, item]) => [key, put(item)])];
  };
  function put(each: unknown): number {
    const known = seen.get(each);
    if (known !== undefined) return known;
    const row = rows.push(null) - 1;
    seen.set(each, row);
    if (each === undefined) rows[row] = ['undefined'];
    else if (typeof each === 'number' && !(Number.isFinite(each) && !Object.is(each, -0)))
      rows[row] = ['number', Object.is(each, -0) ? '-0' : String(each)];
    else if (typeof each === 'bigint') rows[row] = ['bigint', String(each)];
    else if (typeof each === 'object' && each !== null) rows[row] = describe(each);
    else rows[row] = ['plain', each];
    return row;
  }
  put(structuredClone(value));
  return JSON.stringify(rows);
}

export function decodeClone(text: string): unknown {
  const rows = JSON.parse(text) as [string, ...unknown[]][];
  const made = new Map<number, unknown>();
  const buffer = (base64: string): ArrayBuffer => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer;
  const keep = <T>(row: number, value: T): T => {
    made.set(row, value);
    return value;
  };
  function take(row: number): unknown {
    if (made.has(row)) return made.get(row);
    const [kind, ...rest] = rows[row] ?? ['undefined'];
    switch (kind) {
      case 'undefined':
        return undefined;
      case 'number':
        return Number(rest[0]);
      case 'bigint':
        return BigInt(String(rest[0]));
      case 'date':
        return keep(row, new Date(Number(take(Number(rest[0])))));
      case 'regexp':
        return keep(row, new RegExp(String(rest[0]), String(rest[1])));
      case 'buffer':
        return keep(row, buffer(String(rest[0])));
      case 'error':
        return keep(row, Object.assign(new Error(String(rest[1])), { name: String(rest[0]) }));
      case 'view': {
        const [name, of, offset, length] = rest as [string, number, number, number];
        const whole = take(of) as ArrayBuffer;
        const types: Record<string, new (b: ArrayBuffer, o: number, l: number) => ArrayBufferView> = {
          DataView,
          Int8Array,
          Uint8Array,
          Uint8ClampedArray,
          Int16Array,
          Uint16Array,
          Int32Array,
          Uint32Array,
          Float32Array,
          Float64Array,
          BigInt64Array,
          BigUint64Array,
        };
        // Node's Buffer arrives in a page as the byte array that it is.
        const type = types[name] ?? Uint8Array;
        const width = 'BYTES_PER_ELEMENT' in type ? Number(type.BYTES_PER_ELEMENT) : 1;
        return keep(row, new type(whole, offset, length / width));
      }
      case 'array': {
        const array = keep<unknown[]>(row, []);
        for (const item of rest) array.push(take(Number(item)));
        return array;
      }
      case 'map': {
        const map = keep(row, new Map<unknown, unknown>());
        for (const [key, item] of rest as [number, number][]) map.set(take(key), take(item));
        return map;
      }
      case 'set': {
        const set = keep(row, new Set<unknown>());
        for (const item of rest) set.add(take(Number(item)));
        return set;
      }
      case 'object': {
        const object = keep<Record<string, unknown>>(row, {});
        for (const [key, item] of rest as [string, number][])
          Object.defineProperty(object, key, {
            value: take(item),
            enumerable: true,
            writable: true,
            configurable: true,
          });
        return object;
      }
      default:
        return rest[0];
    }
  }
  return take(0);
}
