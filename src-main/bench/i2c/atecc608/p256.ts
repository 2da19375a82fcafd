import { createECDH, createHash } from 'node:crypto';

/** NIST P-256 (FIPS 186-4, D.1.2.3) as far as the element's commands need it; scalars times points are OpenSSL's. */
const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const G: Point = {
  x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
};

interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

/** A private key that a seed decides. */
export function privateKeyOf(seed: Uint8Array): Uint8Array {
  const scalar = (toNumber(createHash('sha256').update(seed).digest()) % (N - 1n)) + 1n;
  return toBytes(scalar);
}

/** X then Y. */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(privateKey);
  return Uint8Array.from(ecdh.getPublicKey().subarray(1));
}

/** ECDSA of a digest, r then s; `nonce` is a private key of its own. */
export function signDigest(privateKey: Uint8Array, digest: Uint8Array, nonce: Uint8Array): Uint8Array {
  const r = toNumber(publicKeyOf(nonce).subarray(0, 32)) % N;
  const s = mod(inverse(toNumber(nonce), N) * (toNumber(digest) + r * toNumber(privateKey)), N);
  return Uint8Array.from([...toBytes(r), ...toBytes(s)]);
}

export function verifyDigest(publicKey: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean {
  const r = toNumber(signature.subarray(0, 32));
  const s = toNumber(signature.subarray(32));
  const key = { x: toNumber(publicKey.subarray(0, 32)), y: toNumber(publicKey.subarray(32)) };
  if (r < 1n || r >= N || s < 1n || s >= N || !isOnCurve(key)) return false;
  const w = inverse(s, N);
  const sum = add(multiply(G, mod(toNumber(digest) * w, N)), multiply(key, mod(r * w, N)));
  return sum !== null && mod(sum.x, N) === r;
}

function isOnCurve({ x, y }: Point): boolean {
  const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
  return x < P && y < P && mod(y * y - (x * x * x - 3n * x + b), P) === 0n;
}

function multiply(point: Point, by: bigint): Point | null {
  let result: Point | null = null;
  let power: Point | null = point;
  for (let rest = by; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = add(result, power);
    power = add(power, power);
  }
  return result;
}

/** Null is the point at infinity. */
function add(a: Point | null, b: Point | null): Point | null {
  if (!a || !b) return a ?? b;
  if (a.x === b.x && mod(a.y + b.y, P) === 0n) return null;
  const slope =
    a.x === b.x ? (3n * a.x * a.x - 3n) * inverse(2n * a.y, P) : (b.y - a.y) * inverse(mod(b.x - a.x, P), P);
  const x = mod(slope * slope - a.x - b.x, P);
  return { x, y: mod(slope * (a.x - x) - a.y, P) };
}

/** Extended Euclid. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, u, v] = [mod(value, modulus), modulus, 1n, 0n];
  while (b !== 0n) {
    const quotient = a / b;
    [a, b, u, v] = [b, a - quotient * b, v, u - quotient * v];
  }
  return mod(u, modulus);
}

function mod(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function toBytes(value: bigint): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'));
}
