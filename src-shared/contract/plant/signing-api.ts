import { z } from 'zod';
import { KeyKind, KeyStoreKind, SigningAlgorithm } from '../../model/signing.ts';
import { API, Instant, Label, Name, Next, Sha256 } from './common.ts';
import { endpoint } from './endpoint.ts';

const Hex = z
  .string()
  .max(8192)
  .regex(/^(?:[0-9a-f]{2})+$/);

/** A key of one use never serves the other: whoever may have a digest signed could have a certificate made of it. */
export const KeyUse = z.enum(['digest', 'certificate']);
export type KeyUse = z.infer<typeof KeyUse>;

/** What a key signs; null stands for no limit. A key that is not enabled signs nothing. */
export const KeyPolicy = z.object({
  enabled: z.boolean(),
  products: z.array(Label).max(1000).nullable(),
  /** Null: those that this plant has published. */
  releases: z.array(Sha256).max(1000).nullable(),
  stations: z.array(Name).max(1000).nullable(),
  perMinute: z.number().int().min(1).max(1_000_000).nullable(),
  /** Signatures in all. */
  quantity: z.number().int().min(1).max(1_000_000_000).nullable(),
  until: Instant.nullable(),
});
export type KeyPolicy = z.infer<typeof KeyPolicy>;

/** What is changed of a policy; the rest stays. */
export const PolicyChange = z.strictObject(KeyPolicy.partial().shape);
export type PolicyChange = z.infer<typeof PolicyChange>;

export const SigningKey = z.object({
  name: Name,
  kind: KeyKind,
  use: KeyUse,
  store: KeyStoreKind,
  /** In the store: CKA_ID in hexadecimal. */
  reference: Hex,
  /** SHA-256 of its SubjectPublicKeyInfo: what records name it by. */
  keyId: Sha256,
  /** SubjectPublicKeyInfo, DER. */
  publicKey: Hex,
  /** Under which it issues certificates, DER; null where there is none. */
  certificate: Hex.nullable(),
  policy: KeyPolicy,
  signed: z.number().int(),
  createdBy: z.string(),
  createdAt: Instant,
});
export type SigningKey = z.infer<typeof SigningKey>;

/** For which unit something is signed. */
const unit = {
  /** Of the station's making, one a signature: asked again with it, the answer is the same. */
  request: z.string().regex(/^[\w-]{16,64}$/),
  key: Name,
  product: Label,
  release: Sha256,
  serial: Label,
  uid: Label.nullable(),
};

export const SignRequest = z.strictObject({ ...unit, algorithm: SigningAlgorithm, digest: Hex.max(128) });
export type SignRequest = z.infer<typeof SignRequest>;

const answered = {
  request: z.string(),
  key: Name,
  keyId: Sha256,
  algorithm: SigningAlgorithm,
  signedAt: Instant,
  store: KeyStoreKind,
};

/** ECDSA: r and s, as long as the curve's order each. RSA: as long as the modulus. */
export const SignAnswer = z.object({ ...answered, signature: Hex });
export type SignAnswer = z.infer<typeof SignAnswer>;

/** Who a device's certificate is for; its serial is the common name. */
export const DeviceSubject = z.strictObject({
  organization: Label.max(64).optional(),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/)
    .optional(),
});
export type DeviceSubject = z.infer<typeof DeviceSubject>;

/** The algorithm is the issuing key's. */
export const IssueRequest = z.strictObject({
  ...unit,
  serial: Label.max(64),
  algorithm: SigningAlgorithm,
  /** The unit's: SubjectPublicKeyInfo, DER. */
  publicKey: Hex.max(2048),
  subject: DeviceSubject,
  /** 0: it never ends. */
  years: z.number().int().min(0).max(31),
});
export type IssueRequest = z.infer<typeof IssueRequest>;

/** X.509, DER. */
export const IssueAnswer = z.object({ ...answered, certificate: Hex });
export type IssueAnswer = z.infer<typeof IssueAnswer>;

/** One that was made; the newest pages of a key's. */
export const MadeSignature = z.object({
  station: Name,
  request: z.string(),
  algorithm: SigningAlgorithm,
  digest: Hex,
  product: z.string(),
  release: z.string(),
  serial: z.string(),
  uid: z.string().nullable(),
  signedAt: Instant,
});
export type MadeSignature = z.infer<typeof MadeSignature>;

const STAFF = ['supervisor', 'process-engineer', 'quality', 'admin'] as const;
const KeyParam = z.strictObject({ name: Name });

/** What is signed by keys that no station has. */
export const signingEndpoints = {
  'station.sign': endpoint({
    method: 'POST',
    path: `${API}/signing/signatures`,
    access: 'station',
    summary: 'Has a digest signed for one unit; the same request has the same signature, however often it is sent',
    body: SignRequest,
    answer: SignAnswer,
  }),
  'station.issue': endpoint({
    method: 'POST',
    path: `${API}/signing/certificates`,
    access: 'station',
    summary: 'Has an X.509 certificate issued for one unit’s public key; the same request has the same certificate',
    body: IssueRequest,
    answer: IssueAnswer,
  }),
  'key.list': endpoint({
    method: 'GET',
    path: `${API}/signing/keys`,
    access: STAFF,
    summary: 'Keys, where they are, and what each may sign',
    answer: z.array(SigningKey),
  }),
  'key.policy': endpoint({
    method: 'POST',
    path: `${API}/signing/keys/:name/policy`,
    access: ['admin'],
    summary: 'Changes what is given of a key’s policy',
    params: KeyParam,
    body: PolicyChange,
    answer: SigningKey,
  }),
  'key.signatures': endpoint({
    method: 'GET',
    path: `${API}/signing/keys/:name/signatures`,
    access: STAFF,
    summary: 'What a key signed, newest first',
    params: KeyParam,
    query: z.strictObject({
      before: z.string().max(512).optional(),
      limit: z.coerce.number().int().min(1).max(500).default(100),
    }),
    answer: z.object({ signatures: z.array(MadeSignature), next: Next }),
  }),
} as const;
