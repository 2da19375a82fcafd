import type { Role } from '#shared/model/recipe.ts';

/**
 * The application last: it starts when its flag is set, and finds its data then, whole and proven. So its flag vouches for them too,
 * and is cleared before they change.
 */
export const WRITE_ORDER: readonly Role[] = ['bootloader', 'filesystem', 'manufacturing', 'application'];
export const VOUCHED: Readonly<Partial<Record<Role, readonly Role[]>>> = {
  application: ['filesystem', 'manufacturing'],
};
