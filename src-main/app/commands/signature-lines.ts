import { sha256Hex } from '#shared/base/digest.ts';
import { readEspSignatures } from '../../image/esp-signature.ts';
import { isMcuboot, readMcuboot } from '../../image/mcuboot.ts';

/** What an image says of its signatures. Whether they count, a key must tell: a release's recipe names it. */
export interface SignatureView {
  readonly container: 'mcuboot' | 'esp-secure-boot-v2';
  /** Why nothing more is known. */
  readonly fault: string | null;
  readonly version?: string;
  readonly hash?: { readonly kind: string; readonly is: string } | null;
  readonly securityCounter?: number | null;
  readonly trailer?: { readonly confirmed: boolean } | null;
  readonly encrypted?: boolean;
  readonly signatures: readonly { readonly kind: string; readonly key: string | null; readonly digest?: string }[];
}

export function viewSignatures(bytes: Uint8Array): SignatureView | undefined {
  if (isMcuboot(bytes)) return viewMcuboot(bytes);
  const found = readEspSignatures(bytes);
  if (!found) return undefined;
  const signatures = found.blocks.map(({ kind, keyDigest, digest }) => {
    return { kind, key: keyDigest, digest };
  });
  return { container: 'esp-secure-boot-v2', fault: found.fault ?? null, signatures };
}

function viewMcuboot(bytes: Uint8Array): SignatureView {
  const image = readMcuboot(bytes);
  if (typeof image === 'string') return { container: 'mcuboot', fault: image, signatures: [] };
  const { version, hash, securityCounter, trailer, isEncrypted: encrypted } = image;
  const signatures = image.signatures.map(({ kind, keyHash, publicKey }) => {
    return { kind, key: keyHash ?? (publicKey && sha256Hex(publicKey)) };
  });
  return { container: 'mcuboot', fault: null, version, hash, securityCounter, trailer, encrypted, signatures };
}

export function signatureLines(view: SignatureView): string[] {
  const { container, fault, version, hash, securityCounter, trailer, encrypted, signatures } = view;
  if (container === 'esp-secure-boot-v2') return ['  Secure Boot v2 signatures', ...blockLines(view)];
  const facts = [
    ...(version === undefined ? [] : [`version ${version}`]),
    ...(hash ? [`${hash.kind.toUpperCase()} ${hash.is}`] : []),
    ...(typeof securityCounter === 'number' ? [`security counter ${securityCounter}`] : []),
    ...(encrypted ? ['encrypted'] : []),
    ...(trailer ? [trailer.confirmed ? 'trailer, confirmed' : 'trailer'] : []),
  ];
  const none = signatures.length === 0 && fault === null ? ['    not signed'] : [];
  return [`  MCUboot image: ${fault ?? facts.join(', ')}`, ...none, ...blockLines(view)];
}

function blockLines({ container, fault, signatures }: SignatureView): string[] {
  const lines = signatures.map(({ kind, key, digest }) => {
    const image = digest === undefined ? '' : `, image digest ${digest}`;
    return `    signed ${kind}, key ${key ?? 'not named'}${image}`;
  });
  return container === 'mcuboot' || fault === null ? lines : [...lines, `    problem: ${fault}`];
}
