import { z } from 'zod';
import type { RequestOf } from '#shared/contract/plant/endpoint.ts';
import { PlantRole } from '#shared/contract/plant/endpoint.ts';
import type { PlantEndpoints } from '#shared/contract/plant/endpoints.ts';
import type { PlantUser } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { audit } from '../audit/audit.ts';
import { TimeOrNull } from '../database/columns.ts';
import { type Database, DatabaseError, type Sql } from '../database/database.ts';
import type { Passwords } from './password.ts';
import { secretDigest } from './secret.ts';
import type { UserSessions } from './user-sessions.ts';

export type NewUser = RequestOf<PlantEndpoints['user.create']>['body'];
export type UserChange = RequestOf<PlantEndpoints['user.change']>['body'];

export interface Users {
  list(): Promise<PlantUser[]>;
  /** Throws `state-conflict` for a name or a badge that somebody has. */
  create(user: NewUser, who: string, now: Date): Promise<PlantUser>;
  /** Only what is given. Throws `state-conflict` rather than leave the plant without an admin. */
  change(name: string, change: UserChange, who: string, now: Date): Promise<PlantUser>;
}

export interface UsersOptions {
  readonly database: Database;
  readonly passwords: Passwords;
  readonly sessions: UserSessions;
}

const UNIQUE_VIOLATION = '23505';

export function createUsers({ database, passwords, sessions }: UsersOptions): Users {
  return {
    async list() {
      return z.array(UserRow).parse(await database.query(`${SELECT} ORDER BY name`));
    },
    async create(user, who, now) {
      requireProducts(user.roles, user.products);
      const password = user.password === null ? null : await passwords.hash(user.password);
      return refusingTwins(() => database.transaction((sql) => insert(sql, { ...user, password }, who, now)));
    },
    async change(name, change, who, now) {
      const password = change.password === undefined ? undefined : await passwords.hash(change.password);
      return refusingTwins(() =>
        database.transaction(async (sql) => {
          const user = await update(sql, name, { ...change, password });
          requireProducts(user.roles, user.products);
          if (change.active === false || password !== undefined) await sessions.closeAll(sql, user.name);
          await audit(sql, { at: now, who, action: 'user.change', object: user.name, detail: told(change) });
          return user;
        }),
      );
    },
  };
}

/** `password` is a hash here. */
async function insert(sql: Sql, user: NewUser, who: string, now: Date): Promise<PlantUser> {
  const { name, roles, products, password } = user;
  await sql.query(
    `INSERT INTO users (name, roles, products, password, badge, created_at)
     VALUES ($1, $2::text[], $3::text[], $4, $5, $6)`,
    [name, unique(roles), unique(products), password, badgeDigest(user.badge), now],
  );
  const detail = { roles: roles.join(' '), products: products.join(' ') };
  await audit(sql, { at: now, who, action: 'user.create', object: name, detail });
  return readUser(sql, name);
}

/** `password` is a hash here. */
async function update(sql: Sql, name: string, change: ChangedUser): Promise<PlantUser> {
  await lockAdmins(sql);
  const before = await readUser(sql, name);
  await sql.query(
    `UPDATE users SET roles = $2::text[], products = $3::text[], active = $4,
       password = coalesce($5, password), badge = CASE WHEN $6 THEN $7 ELSE badge END
     WHERE name = $1`,
    [
      before.name,
      unique(change.roles ?? before.roles),
      unique(change.products ?? before.products),
      change.active ?? before.active,
      change.password ?? null,
      change.badge !== undefined,
      badgeDigest(change.badge ?? null),
    ],
  );
  const admins = await sql.query("SELECT FROM users WHERE active AND 'admin' = ANY (roles) LIMIT 1");
  if (admins.length === 0)
    throw new FlashlineError('state-conflict', { params: { detail: `${name} is the last admin of this plant` } });
  return readUser(sql, before.name);
}

type ChangedUser = Omit<UserChange, 'password'> & { readonly password: string | undefined };

/** Two admins who switch each other off take turns, and the second one finds that nobody else is left. */
async function lockAdmins(sql: Sql): Promise<void> {
  await sql.query("SELECT name FROM users WHERE active AND 'admin' = ANY (roles) ORDER BY name FOR UPDATE");
}

async function readUser(sql: Sql, name: string): Promise<PlantUser> {
  const [row] = await sql.query(`${SELECT} WHERE lower(name) = lower($1)`, [name]);
  if (row === undefined) throw new FlashlineError('not-found', { params: { what: name } });
  return UserRow.parse(row);
}

async function refusingTwins<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof DatabaseError) || thrown.code !== UNIQUE_VIOLATION) throw thrown;
    const detail = thrown.constraint?.includes('badge') ? 'somebody has this badge already' : 'this name is taken';
    throw new FlashlineError('state-conflict', { params: { detail } });
  }
}

/** No products means everything, which is for nobody who only buys. */
export function requireProducts(roles: readonly PlantRole[], products: readonly string[]): void {
  if (roles.includes('buyer') && products.length === 0)
    throw new FlashlineError('bad-request', { params: { detail: 'a buyer needs the products that he may see' } });
}

/** What the audit log may know of a change: no password, no badge. */
function told({ roles, products, active, password, badge }: UserChange): Record<string, string> {
  return {
    ...(roles === undefined ? {} : { roles: roles.join(' ') }),
    ...(products === undefined ? {} : { products: products.join(' ') }),
    ...(active === undefined ? {} : { active: String(active) }),
    ...(password === undefined ? {} : { password: 'changed' }),
    ...(badge === undefined ? {} : { badge: badge === null ? 'taken away' : 'changed' }),
  };
}

function badgeDigest(badge: string | null): string | null {
  return badge === null ? null : secretDigest(badge);
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

const SELECT = 'SELECT name, roles, products, active, password, badge, last_signed_in_at FROM users';

const UserRow = z
  .object({
    name: z.string(),
    roles: z.array(PlantRole),
    products: z.array(z.string()),
    active: z.boolean(),
    password: z.string().nullable(),
    badge: z.string().nullable(),
    last_signed_in_at: TimeOrNull,
  })
  .transform((row): PlantUser => ({
    name: row.name,
    roles: row.roles,
    products: row.products,
    active: row.active,
    hasPassword: row.password !== null,
    hasBadge: row.badge !== null,
    lastSignedInAt: row.last_signed_in_at,
  }));
