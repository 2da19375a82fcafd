import type { Migration } from '../migration.ts';
import { records } from './0001-records.ts';
import { accounts } from './0002-accounts.ts';

/** Every migration there is, in order. */
export const MIGRATIONS: readonly Migration[] = [records, accounts];
