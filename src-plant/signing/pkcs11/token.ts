import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { concat, equalBytes, fromHex } from '#shared/base/bytes.ts';
import type { KeyKind, SigningAlgorithm } from '#shared/model/signing.ts';
import { type Attribute, Cryptoki, type Mechanism, word } from './cryptoki.ts';

/** Attributes, classes and key types of PKCS #11 (v2.40 and, for Ed25519, v3.0). */
const CKA = {
  CLASS: 0x0,
  TOKEN: 0x1,
  PRIVATE: 0x2,
  LABEL: 0x3,
  KEY_TYPE: 0x100,
  ID: 0x102,
  SENSITIVE: 0x103,
  SIGN: 0x108,
  VERIFY: 0x10a,
  MODULUS: 0x120,
  MODULUS_BITS: 0x121,
  PUBLIC_EXPONENT: 0x122,
  EXTRACTABLE: 0x162,
  EC_PARAMS: 0x180,
  EC_POINT: 0x181,
} as const;
const CKO = { PUBLIC_KEY: 2, PRIVATE_KEY: 3 } as const;
const CKK = { RSA: 0, EC: 3, EC_EDWARDS: 0x40 } as const;

/** CK_RSA_PKCS_PSS_PARAMS: CKM_SHA256, CKG_MGF1_SHA256, a salt of 32 bytes. */
const PSS_SHA256 = concat([word(0x250), word(2), word(32)]);
/** RFC 8017, 9.2: what PKCS #1 v1.5 signs in front of the digest. */
const DIGEST_INFO_SHA256 = fromHex('3031300d060960864801650304020105000420');

const MECHANISMS: Readonly<Record<SigningAlgorithm, Mechanism>> = {
  'ed25519-sha256': { type: 0x1057 },
  'ecdsa-p256-sha256': { type: 0x1041 },
  'ecdsa-p384-sha384': { type: 0x1041 },
  'rsa-pss-sha256': { type: 0xd, parameter: PSS_SHA256 },
  'rsa-pkcs1-sha256': { type: 0x1 },
};

interface KindFacts {
  readonly mechanism: number;
  /** Of the public key's template. */
  readonly parameters: readonly Attribute[];
}

const CURVES = {
  'ecdsa-p256': { oid: fromHex('06082a8648ce3d030107'), crv: 'P-256', bytes: 32 },
  'ecdsa-p384': { oid: fromHex('06052b81040022'), crv: 'P-384', bytes: 48 },
} as const;
/** 1.3.101.112; older modules have the curve's name as a PrintableString. */
const ED25519_OID = fromHex('06032b6570');
const ED25519_NAME = fromHex('130c656477617264733235353139');

function kindFacts(kind: KeyKind): KindFacts {
  if (kind === 'rsa-2048' || kind === 'rsa-3072') {
    const bits = kind === 'rsa-2048' ? 2048 : 3072;
    const exponent = { type: CKA.PUBLIC_EXPONENT, value: fromHex('010001') };
    return { mechanism: 0x0, parameters: [{ type: CKA.MODULUS_BITS, value: word(bits) }, exponent] };
  }
  if (kind === 'ed25519') return { mechanism: 0x1055, parameters: [{ type: CKA.EC_PARAMS, value: ED25519_OID }] };
  return { mechanism: 0x1040, parameters: [{ type: CKA.EC_PARAMS, value: CURVES[kind].oid }] };
}

export interface TokenPlace {
  /** The vendor's PKCS #11 library. */
  readonly module: string;
  /** The token's label. */
  readonly token: string;
}

export interface FoundKey {
  readonly kind: KeyKind;
  /** DER. */
  readonly spki: Uint8Array;
  /** CKA_SENSITIVE is set and CKA_EXTRACTABLE is not: it never leaves the token. */
  readonly stays: boolean;
}

/** What a key cannot be used for, whatever is tried again. */
export class KeyFault extends Error {
  override readonly name = 'KeyFault';
}

const YES = Uint8Array.of(1);
const NO = Uint8Array.of(0);

/** One session of one token. Keys are named by CKA_ID. Throws CkError, or KeyFault. */
export class Token {
  readonly #module: Cryptoki;
  readonly #session: bigint;
  /** Handles of private keys that were seen to be those they should be. */
  readonly #known = new Map<string, bigint>();

  private constructor(module: Cryptoki, session: bigint) {
    this.#module = module;
    this.#session = session;
  }

  static open({ module: file, token }: TokenPlace, pin: string): Token {
    const module = Cryptoki.load(file);
    module.initialize();
    const tokens = module.tokens();
    const [slot, ...more] = tokens.filter(({ label }) => label === token).map((each) => each.slot);
    if (slot === undefined) {
      const there = tokens.map(({ label }) => label).filter((label) => label !== '');
      throw new Error(`no token ${token} in it${there.length === 0 ? '' : `, only ${there.join(', ')}`}`);
    }
    if (more.length > 0) throw new Error(`several tokens are called ${token}`);
    const session = module.openSession(slot);
    module.login(session, pin);
    return new Token(module, session);
  }

  find(id: Uint8Array): FoundKey {
    const handle = this.#privateKey(id);
    const flag = (type: number) => this.#module.attribute(this.#session, handle, type)?.[0];
    return { ...this.#publicKey(id), stays: flag(CKA.SENSITIVE) === 1 && flag(CKA.EXTRACTABLE) === 0 };
  }

  generate(kind: KeyKind, id: Uint8Array, label: string): FoundKey {
    if (this.#objects(CKO.PRIVATE_KEY, id).length > 0) throw new KeyFault('the token has a key with this id already');
    const { mechanism, parameters } = kindFacts(kind);
    const both = [
      { type: CKA.TOKEN, value: YES },
      { type: CKA.ID, value: id },
      { type: CKA.LABEL, value: new TextEncoder().encode(label) },
    ];
    const open = [...both, { type: CKA.VERIFY, value: YES }, ...parameters];
    const closed = [
      ...both,
      { type: CKA.PRIVATE, value: YES },
      { type: CKA.SENSITIVE, value: YES },
      { type: CKA.EXTRACTABLE, value: NO },
      { type: CKA.SIGN, value: YES },
    ];
    this.#module.generatePair(this.#session, { type: mechanism }, open, closed);
    return this.find(id);
  }

  /** By the key with this id, if its public key is the one that is expected. */
  sign(id: Uint8Array, spki: Uint8Array, algorithm: SigningAlgorithm, digest: Uint8Array): Uint8Array {
    const name = Buffer.from(id).toString('hex');
    const key = this.#known.get(name) ?? this.#expected(id, spki);
    this.#known.set(name, key);
    const data = algorithm === 'rsa-pkcs1-sha256' ? concat([DIGEST_INFO_SHA256, digest]) : digest;
    return this.#module.sign(this.#session, MECHANISMS[algorithm], key, data);
  }

  #expected(id: Uint8Array, spki: Uint8Array): bigint {
    if (!equalBytes(this.#publicKey(id).spki, spki)) throw new KeyFault('the token has another key under its id');
    return this.#privateKey(id);
  }

  #privateKey(id: Uint8Array): bigint {
    return this.#only(CKO.PRIVATE_KEY, id, 'private');
  }

  #publicKey(id: Uint8Array): Pick<FoundKey, 'kind' | 'spki'> {
    const handle = this.#only(CKO.PUBLIC_KEY, id, 'public');
    const read = (type: number) => this.#module.attribute(this.#session, handle, type) ?? new Uint8Array();
    const type = Number(read(CKA.KEY_TYPE)[0]);
    if (type === CKK.RSA) return rsaKey(read(CKA.MODULUS), read(CKA.PUBLIC_EXPONENT));
    return curveKey(type, read(CKA.EC_PARAMS), read(CKA.EC_POINT));
  }

  #only(kind: number, id: Uint8Array, word: string): bigint {
    const [handle, another] = this.#objects(kind, id);
    if (handle === undefined) throw new KeyFault(`the token has no ${word} key with its id`);
    if (another !== undefined) throw new KeyFault(`the token has several ${word} keys with its id`);
    return handle;
  }

  #objects(kind: number, id: Uint8Array): bigint[] {
    return this.#module.find(this.#session, [
      { type: CKA.CLASS, value: word(kind) },
      { type: CKA.ID, value: id },
    ]);
  }
}

function rsaKey(modulus: Uint8Array, exponent: Uint8Array): Pick<FoundKey, 'kind' | 'spki'> {
  const kind = ({ 256: 'rsa-2048', 384: 'rsa-3072' } as const)[modulus.length];
  if (kind === undefined) throw new KeyFault(`an RSA key of ${modulus.length * 8} bits is none that is used here`);
  return { kind, spki: spkiOf({ kty: 'RSA', n: base64url(modulus), e: base64url(exponent) }) };
}

function curveKey(type: number, parameters: Uint8Array, wrapped: Uint8Array): Pick<FoundKey, 'kind' | 'spki'> {
  // An OCTET STRING around the point; the lengths of these curves fit into one byte.
  const point = wrapped[0] === 0x04 && wrapped[1] === wrapped.length - 2 ? wrapped.subarray(2) : wrapped;
  const isEdwards = equalBytes(parameters, ED25519_OID) || equalBytes(parameters, ED25519_NAME);
  if (type === CKK.EC_EDWARDS && isEdwards && point.length === 32)
    return { kind: 'ed25519', spki: spkiOf({ kty: 'OKP', crv: 'Ed25519', x: base64url(point) }) };
  for (const kind of ['ecdsa-p256', 'ecdsa-p384'] as const) {
    const { oid, crv, bytes } = CURVES[kind];
    if (type !== CKK.EC || !equalBytes(parameters, oid) || point.length !== 1 + 2 * bytes) continue;
    const [x, y] = [point.subarray(1, 1 + bytes), point.subarray(1 + bytes)];
    return { kind, spki: spkiOf({ kty: 'EC', crv, x: base64url(x), y: base64url(y) }) };
  }
  throw new KeyFault('its key is of a kind that is not used here');
}

function spkiOf(key: JsonWebKey): Uint8Array {
  return new Uint8Array(createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'der' }));
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
