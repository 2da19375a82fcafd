import type { Migration } from '../migration.ts';
import { records } from './0001-records.ts';
import { accounts } from './0002-accounts.ts';
import { catalog } from './0003-catalog.ts';
import { plantKey } from './0004-plant-key.ts';
import { signing } from './0005-signing.ts';
import { certificates } from './0006-certificates.ts';
import { unitLives } from './0007-unit-lives.ts';
import { commands } from './0008-commands.ts';

/** Every migration there is, in order. */
export const MIGRATIONS: readonly Migration[] = [
  records,
  accounts,
  catalog,
  plantKey,
  signing,
  certificates,
  unitLives,
  commands,
];
