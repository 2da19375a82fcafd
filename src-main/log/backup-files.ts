import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const DAILY = /^station-(\d{4}-\d{2}-\d{2})\.db$/;

/** A day's backup in the folder of backups; `day` is YYYY-MM-DD, UTC. */
export function backupFile(folder: string, day: string): string {
  return join(folder, `station-${day}.db`);
}

/** Days with a backup, oldest first. What is not complete has another name. */
export function backupDays(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const days = readdirSync(folder).map((name) => DAILY.exec(name)?.[1]);
  return days.filter((day) => day !== undefined).sort();
}

export function newestBackup(folder: string): string | null {
  const day = backupDays(folder).at(-1);
  return day === undefined ? null : backupFile(folder, day);
}
