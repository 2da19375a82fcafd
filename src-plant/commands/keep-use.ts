import { createHash } from 'node:crypto';
import type { UnitDataRequest } from '#shared/contract/plant/command-api.ts';
import { audit } from '../audit/audit.ts';
import type { Sql } from '../database/database.ts';
import type { CommandSettings } from './commands-file.ts';
import type { ProgramEnd } from './run-program.ts';
import { auditDetail, lockCommand, type UseAct } from './uses.ts';

/** Bytes that are given once only are kept for as long as an answer that was lost may be asked for again. */
const BRIEF_MS = 3_600_000;

export interface EndedUse {
  readonly command: CommandSettings;
  readonly use: string;
  readonly asked: UnitDataRequest;
  readonly act: UseAct;
  readonly ended: ProgramEnd;
}

/** What does not fit is as good as lost: the program has done what it does. */
export function fitted(ended: ProgramEnd, { atLeast, atMost }: UnitDataRequest): ProgramEnd {
  if (ended.end !== 'gave') return ended;
  const { ms, said, data } = ended;
  if (data.length >= atLeast && data.length <= atMost) return ended;
  const wanted = atLeast === atMost ? `${atMost}` : `${atLeast} to ${atMost}`;
  return { ms, said, end: 'lost', detail: `it gave ${data.length} bytes, and the partition takes ${wanted}` };
}

/** What came of a use, its count and its entry in the audit log, at once. */
export async function keepUse(sql: Sql, { command, use, asked, act, ended }: EndedUse): Promise<void> {
  // In the order in which `look` takes them: nobody waits in a circle.
  await lockCommand(sql, command.name);
  const { ms, said } = ended;
  const told = { ...auditDetail(asked, use), ms: String(ms), ...(said === '' ? {} : { said }) };
  const entry = { at: act.now, who: act.station, object: command.name };
  if (ended.end === 'gave') {
    const { data } = ended;
    const sha256 = createHash('sha256').update(data).digest('hex');
    const until = command.again === 'same' ? null : new Date(act.now.getTime() + BRIEF_MS);
    const kept = await sql.query(
      `UPDATE command_uses SET state = 'given', ended_at = $2, ms = $3, sha256 = $4, size = $5, data = $6, data_until = $7
       WHERE use = $1 AND state = 'begun' RETURNING use`,
      [use, act.now, ms, sha256, data.length, data, until],
    );
    // Another server took it for lost, and has told so.
    if (kept.length === 0) return;
    await sql.query('UPDATE plant_commands SET given = given + 1 WHERE name = $1', [command.name]);
    const detail = { ...told, sha256, size: String(data.length) };
    await audit(sql, { ...entry, action: 'command.give', detail });
    await sql.query('UPDATE command_uses SET data = NULL WHERE data IS NOT NULL AND data_until < $1', [act.now]);
    return;
  }
  const { end, detail } = ended;
  await sql.query(
    `UPDATE command_uses SET state = $2, live = live AND $2 = 'lost', ended_at = $3, ms = $4, detail = $5
     WHERE use = $1 AND state = 'begun'`,
    [use, end, act.now, ms, detail],
  );
  await audit(sql, { ...entry, action: 'command.fail', detail: { ...told, outcome: end, reason: detail } });
}
