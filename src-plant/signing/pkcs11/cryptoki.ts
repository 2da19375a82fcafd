import koffi from 'koffi';
import { CkError, CKR } from './ck-error.ts';

/** PKCS #11 v2.40 (OASIS), appendix B: the functions in the order in which a module's table has them, up to the last used here. */
const FUNCTIONS = `
  Initialize Finalize GetInfo GetFunctionList GetSlotList GetSlotInfo GetTokenInfo GetMechanismList
  GetMechanismInfo InitToken InitPIN SetPIN OpenSession CloseSession CloseAllSessions GetSessionInfo
  GetOperationState SetOperationState Login Logout CreateObject CopyObject DestroyObject GetObjectSize
  GetAttributeValue SetAttributeValue FindObjectsInit FindObjects FindObjectsFinal EncryptInit Encrypt
  EncryptUpdate EncryptFinal DecryptInit Decrypt DecryptUpdate DecryptFinal DigestInit Digest DigestUpdate
  DigestKey DigestFinal SignInit Sign SignUpdate SignFinal SignRecoverInit SignRecover VerifyInit Verify
  VerifyUpdate VerifyFinal VerifyRecoverInit VerifyRecover DigestEncryptUpdate DecryptDigestUpdate
  SignEncryptUpdate DecryptVerifyUpdate GenerateKey GenerateKeyPair`
  .trim()
  .split(/\s+/u);

/** What is called, by its parameters. A session and an object are handles: unsigned long. */
const SIGNATURES = {
  Initialize: 'void *args',
  GetSlotList: 'uint8 present, void *list, void *count',
  GetTokenInfo: 'ulong slot, void *info',
  OpenSession: 'ulong slot, ulong flags, void *application, void *notify, void *session',
  Login: 'ulong session, ulong user, void *pin, ulong length',
  GetAttributeValue: 'ulong session, ulong object, void *template, ulong count',
  FindObjectsInit: 'ulong session, void *template, ulong count',
  FindObjects: 'ulong session, void *objects, ulong most, void *count',
  FindObjectsFinal: 'ulong session',
  SignInit: 'ulong session, void *mechanism, ulong key',
  Sign: 'ulong session, void *data, ulong length, void *signature, void *signatureLength',
  GenerateKeyPair:
    'ulong session, void *mechanism, void *publicTemplate, ulong publicCount, void *privateTemplate, ulong privateCount, void *publicKey, void *privateKey',
} as const;
type Name = keyof typeof SIGNATURES;

type Library = ReturnType<typeof koffi.load>;

type Argument = number | bigint | Uint8Array | null;

/** Of a token object: a type of CKA_..., and its value as PKCS #11 encodes it. */
export interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/** unsigned long: 8 bytes, on Windows 4; there structures are packed besides (section 2.1). */
const WORD = koffi.sizeof('unsigned long');
const LABEL_BYTES = 32;
/** Of CK_TOKEN_INFO, with room behind it. */
const TOKEN_INFO_BYTES = 512;

/** The module in this process, its calls as they are: each blocks until the module answers. Throws CkError. */
export class Cryptoki {
  /** Held for as long as this: a library that is collected is unloaded, and its functions are gone. */
  readonly library: Library;
  readonly functions: ReadonlyMap<string, (...args: readonly Argument[]) => number | bigint>;

  private constructor(library: Library, functions: Cryptoki['functions']) {
    this.library = library;
    this.functions = functions;
  }

  /** Throws Error for what is no such module. */
  static load(file: string): Cryptoki {
    const library = loaded(file);
    const out: [unknown] = [null];
    const code = Number(library.func('unsigned long C_GetFunctionList(_Out_ void **list)')(out));
    if (code !== CKR.OK) throw new CkError('GetFunctionList', code);
    const members = Object.fromEntries(FUNCTIONS.map((name) => [name, 'void *']));
    const shape = { major: 'uint8', minor: 'uint8', ...members };
    const type = process.platform === 'win32' ? koffi.pack(shape) : koffi.struct(shape);
    const table = koffi.decode(out[0], type) as Record<string, unknown>;
    const functions = Object.entries(SIGNATURES).map(([name, parameters]) => {
      const prototype = koffi.proto(`unsigned long ${name}(${parameters.replaceAll('ulong', 'unsigned long')})`);
      return [name, koffi.decode(table[name], prototype) as (...args: readonly Argument[]) => number | bigint] as const;
    });
    return new Cryptoki(library, new Map(functions));
  }

  initialize(): void {
    this.#call('Initialize', null);
  }

  /** Slots with a token, and the tokens' labels. */
  tokens(): { readonly slot: bigint; readonly label: string }[] {
    const count = word(0);
    this.#call('GetSlotList', 1, null, count);
    const slots = new Uint8Array(WORD * Number(wordAt(count)));
    if (slots.length > 0) this.#call('GetSlotList', 1, slots, count);
    return Array.from({ length: Number(wordAt(count)) }, (_, index) => {
      const slot = wordAt(slots, index);
      const info = new Uint8Array(TOKEN_INFO_BYTES);
      this.#call('GetTokenInfo', slot, info);
      return { slot, label: new TextDecoder().decode(info.subarray(0, LABEL_BYTES)).trimEnd() };
    });
  }

  /** CKF_SERIAL_SESSION and, to make keys, CKF_RW_SESSION. */
  openSession(slot: bigint): bigint {
    const session = word(0);
    this.#call('OpenSession', slot, 0x4 | 0x2, null, null, session);
    return wordAt(session);
  }

  /** As CKU_USER. */
  login(session: bigint, pin: string): void {
    const bytes = new TextEncoder().encode(pin);
    this.#call('Login', session, 1, bytes, bytes.length);
  }

  find(session: bigint, template: readonly Attribute[]): bigint[] {
    const packed = pack(template);
    this.#call('FindObjectsInit', session, packed.template, template.length);
    try {
      const found = new Uint8Array(WORD * 2);
      const count = word(0);
      this.#call('FindObjects', session, found, 2, count);
      return Array.from({ length: Number(wordAt(count)) }, (_, index) => wordAt(found, index));
    } finally {
      this.#call('FindObjectsFinal', session);
      packed.values();
    }
  }

  /** Null for an attribute that the object does not have, or does not tell. */
  attribute(session: bigint, object: bigint, type: number): Uint8Array | null {
    const value = new Uint8Array(1024);
    const packed = pack([{ type, value }]);
    try {
      this.#call('GetAttributeValue', session, object, packed.template, 1);
      return packed.values()[0] ?? null;
    } catch (thrown) {
      if (
        thrown instanceof CkError &&
        (thrown.code === CKR.ATTRIBUTE_SENSITIVE || thrown.code === CKR.ATTRIBUTE_TYPE_INVALID)
      )
        return null;
      throw thrown;
    }
  }

  sign(session: bigint, mechanism: Mechanism, key: bigint, data: Uint8Array): Uint8Array {
    const packed = packMechanism(mechanism);
    const signature = new Uint8Array(1024);
    const length = word(signature.length);
    this.#call('SignInit', session, packed.template, key);
    packed.values();
    this.#call('Sign', session, data, data.length, signature, length);
    return signature.slice(0, Number(wordAt(length)));
  }

  generatePair(
    session: bigint,
    mechanism: Mechanism,
    publicTemplate: readonly Attribute[],
    privateTemplate: readonly Attribute[],
  ): void {
    const packed = [packMechanism(mechanism), pack(publicTemplate), pack(privateTemplate)] as const;
    const [kind, open, closed] = packed;
    const counts = [publicTemplate.length, privateTemplate.length] as const;
    const made = [word(0), word(0)] as const;
    this.#call(
      'GenerateKeyPair',
      session,
      kind.template,
      open.template,
      counts[0],
      closed.template,
      counts[1],
      ...made,
    );
    for (const each of packed) each.values();
  }

  #call(name: Name, ...args: readonly Argument[]): void {
    const code = Number(this.functions.get(name)?.(...args) ?? CKR.FUNCTION_NOT_SUPPORTED);
    if (code === CKR.OK || (name === 'Login' && code === CKR.USER_ALREADY_LOGGED_IN)) return;
    throw new CkError(name, code);
  }
}

/** The system's words leave out which file. */
function loaded(file: string): Library {
  try {
    return koffi.load(file);
  } catch (cause) {
    throw new Error(`${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

export interface Mechanism {
  /** CKM_... */
  readonly type: number;
  readonly parameter?: Uint8Array;
}

/** unsigned long, as this computer keeps it. */
export function word(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(WORD);
  const view = new DataView(bytes.buffer);
  if (WORD === 8) view.setBigUint64(0, BigInt(value), true);
  else view.setUint32(0, Number(value), true);
  return bytes;
}

function wordAt(bytes: Uint8Array, index = 0): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset + index * WORD, WORD);
  return WORD === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true));
}

interface Packed {
  /** CK_ATTRIBUTE: type, pointer, length, an unsigned long each; CK_MECHANISM is the same. */
  readonly template: Uint8Array;
  /** As the module has filled them in. Reading them is also what keeps them alive until then. */
  values(): Uint8Array[];
}

/** A buffer of its own lies outside of JavaScript's heap: nothing moves it while the template points to it. */
function pack(attributes: readonly Attribute[]): Packed {
  const template = new Uint8Array(3 * WORD * attributes.length);
  const held = attributes.map(({ type, value }, index) => {
    const memory = new Uint8Array(new ArrayBuffer(Math.max(1, value.length)));
    memory.set(value);
    const row = [word(type), word(koffi.address(memory)), word(value.length)];
    row.forEach((each, column) => template.set(each, (index * 3 + column) * WORD));
    return memory;
  });
  return {
    template,
    values: () => held.map((memory, index) => memory.slice(0, Number(wordAt(template, index * 3 + 2)))),
  };
}

function packMechanism({ type, parameter }: Mechanism): Packed {
  const packed = pack([{ type, value: parameter ?? new Uint8Array() }]);
  // Without a parameter the pointer is to be null.
  if (parameter === undefined) packed.template.fill(0, WORD, 2 * WORD);
  return packed;
}
