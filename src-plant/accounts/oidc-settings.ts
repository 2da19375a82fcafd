import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { PlantRole } from '#shared/contract/plant/endpoint.ts';
import { FlashlineError } from '#shared/model/failure.ts';

const Url = z.url({ protocol: /^https?$/ });

/** How people sign in by an OpenID Connect provider; the file `plant serve --oidc` names. */
const OidcFile = z.strictObject({
  /** As its discovery document gives it. */
  issuer: Url,
  /** On the sign-in button. */
  name: z.string().min(1).max(64),
  clientId: z.string().min(1),
  /** Relative to this file; left out for a public client. */
  clientSecretFile: z.string().optional(),
  /** How browsers reach this plant; the provider must allow `<publicUrl>/api/v1/oidc/callback`. */
  publicUrl: Url,
  scope: z.string().default('openid profile'),
  nameClaim: z.string().default('preferred_username'),
  groupsClaim: z.string().default('groups'),
  /** What members of a group may do. */
  roles: z.record(z.string(), z.array(PlantRole).min(1)),
});

export type OidcSettings = Omit<z.infer<typeof OidcFile>, 'clientSecretFile'> & {
  readonly clientSecret: string | null;
};

/** Throws `file-missing` or `usage`; never quotes the secret. */
export function readOidcFile(file: string): OidcSettings {
  const parsed = OidcFile.safeParse(parse(readText(file)));
  if (!parsed.success) {
    const detail = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
    throw new FlashlineError('usage', { params: { detail: `${file}: ${detail}` } });
  }
  const { clientSecretFile, ...settings } = parsed.data;
  const secret = clientSecretFile === undefined ? null : readText(resolve(dirname(file), clientSecretFile)).trim();
  return { ...settings, clientSecret: secret };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new FlashlineError('file-missing', { params: { file }, cause });
  }
}
