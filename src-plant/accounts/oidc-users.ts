import { z } from 'zod';
import { Name } from '#shared/contract/plant/common.ts';
import { PlantRole } from '#shared/contract/plant/endpoint.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { audit } from '../audit/audit.ts';
import type { Database, Sql } from '../database/database.ts';
import { openSession } from './sign-in.ts';
import type { UserSessions } from './user-sessions.ts';

/** Who the provider says it is. */
export interface OidcPerson {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly roles: readonly PlantRole[];
}

const Known = z.object({
  name: z.string(),
  active: z.boolean(),
  roles: z.array(PlantRole),
  products: z.array(z.string()),
});

/**
 * Signs in whom the provider vouches for. A person is known by issuer and subject, never by name: nobody becomes a local user by
 * being called like one. Roles are the provider's, anew with every sign-in. Throws `not-allowed` without any,
 * `sign-in-refused` for who was switched off here, `state-conflict` for a name that somebody else has.
 */
export async function signInByOidc(
  database: Database,
  sessions: UserSessions,
  person: OidcPerson,
  now: Date,
): Promise<string> {
  const name = Name.safeParse(person.name);
  if (!name.success)
    throw new FlashlineError('state-conflict', {
      params: { detail: 'the provider gives a name that cannot be used here' },
    });
  if (person.roles.length === 0)
    throw new FlashlineError('not-allowed', { params: { roles: PlantRole.options.join(', ') } });
  return database.transaction(async (sql) => {
    const known = (await find(sql, person)) ?? (await add(sql, { ...person, name: name.data }, now));
    if (!known.active) throw new FlashlineError('sign-in-refused');
    await keepRoles(sql, known, person.roles, now);
    return openSession(sql, sessions, { name: known.name, how: 'openid', now });
  });
}

type Known = z.infer<typeof Known>;

async function find(sql: Sql, { issuer, subject }: OidcPerson): Promise<Known | null> {
  const text = 'SELECT name, active, roles, products FROM users WHERE oidc_issuer = $1 AND oidc_subject = $2';
  const [row] = await sql.query(text, [issuer, subject]);
  return row === undefined ? null : Known.parse(row);
}

async function add(sql: Sql, { issuer, subject, name, roles }: OidcPerson, now: Date): Promise<Known> {
  const [row] = await sql.query(
    `INSERT INTO users (name, roles, products, created_at, oidc_issuer, oidc_subject)
     VALUES ($1, $2::text[], '{}', $3, $4, $5) ON CONFLICT DO NOTHING RETURNING name, active, roles, products`,
    [name, [...roles], now, issuer, subject],
  );
  if (row === undefined)
    throw new FlashlineError('state-conflict', { params: { detail: `the name ${name} is taken` } });
  await audit(sql, {
    at: now,
    who: name,
    action: 'user.create',
    object: name,
    detail: { roles: roles.join(' '), issuer },
  });
  return Known.parse(row);
}

async function keepRoles(sql: Sql, known: Known, roles: readonly PlantRole[], now: Date): Promise<void> {
  if (known.roles.toSorted().join() === [...roles].sort().join()) return;
  await sql.query('UPDATE users SET roles = $2::text[] WHERE name = $1', [known.name, [...roles]]);
  const detail = { roles: roles.join(' ') };
  await audit(sql, { at: now, who: known.name, action: 'user.change', object: known.name, detail });
}
