import { z } from 'zod';
import type { LogDatabase } from './log-database.ts';
import type { SettingChange, SettingsStore } from './settings-store.ts';

const Row = z.object({ name: z.string(), value: z.string(), by: z.string(), at: z.string() });

/** See SettingsStore. Two processes over one file see the same. */
export class SqliteSettings implements SettingsStore {
  readonly #database: LogDatabase;

  constructor(database: LogDatabase) {
    this.#database = database;
  }

  async newest(): Promise<readonly SettingChange[]> {
    const sql = `SELECT name, value, by, at FROM setting_changes
      WHERE id IN (SELECT max(id) FROM setting_changes GROUP BY name) ORDER BY name`;
    return this.#database.all(Row, sql);
  }

  async changes(name: string, limit: number): Promise<readonly SettingChange[]> {
    const sql = 'SELECT name, value, by, at FROM setting_changes WHERE name = ? ORDER BY id DESC LIMIT ?';
    return this.#database.all(Row, sql, name, limit);
  }

  async change({ name, value, by, at }: SettingChange): Promise<void> {
    this.#database.run('INSERT INTO setting_changes (name, value, by, at) VALUES (?, ?, ?, ?)', name, value, by, at);
  }
}
