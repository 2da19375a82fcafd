import { conditionOf, type JournalledChange } from '#shared/model/unit-condition.ts';
import type { CellChange, Cells } from './cells.ts';
import { MemoryLog } from './memory-log.ts';
import { runUnit } from './run-unit.ts';
import { rolesOf, type Recording } from './sweep.ts';

/**
 * Runs whose supply really fails before a packet, evenly spread: what the unit holds then must be an instant of the recording, and
 * what the journal says must be what it says there. Answers what was not so.
 */
export async function realCuts(recording: Recording, count: number): Promise<string[]> {
  const packets = recording.events.filter(({ kind }) => kind === 'packet').length;
  const faults: string[] = [];
  for (let cut = 0; cut < count; cut++) {
    const after = Math.floor(((cut + 0.5) * packets) / count);
    const { cells, changes } = await cutBefore(recording, after);
    const told = conditionOf(changes, rolesOf(recording.release));
    if (told !== conditionAt(recording, after)) faults.push(`packet ${after}: the journal says ${told}`);
    if (!isInstantOf(recording, cells)) faults.push(`packet ${after}: the unit holds what the recording never held`);
  }
  return faults;
}

async function cutBefore({ family, release, before }: Recording, after: number) {
  const unit = family.wired(before, undefined, [{ kind: 'power-cut', after }]);
  const log = new MemoryLog();
  const changes: JournalledChange[] = [];
  log.onEntry = (entry) => {
    if (entry.kind === 'change') changes.push(JSON.parse(entry.operation) as JournalledChange);
  };
  await runUnit({ release, ...unit, log });
  return { cells: unit.cells(), changes };
}

function conditionAt({ events, release }: Recording, packet: number): string {
  const changes: JournalledChange[] = [];
  let packets = 0;
  for (const event of events) {
    if (event.kind === 'change') changes.push(event.change);
    if (event.kind === 'packet' && packets++ === packet) break;
  }
  return conditionOf(changes, rolesOf(release));
}

/** The cells as they were after some change, or in the middle of the next. */
function isInstantOf({ before, events }: Recording, found: Cells): boolean {
  const cells = before.clone();
  const changes = events.flatMap((event) => (event.kind === 'cells' ? [event.change] : []));
  if (!differs(cells, found, changes[0])) return true;
  return changes.some((change, index) => {
    cells.write(change.address, change.after);
    return !differs(cells, found, changes[index + 1]);
  });
}

/** Anywhere but where the change under way may have done its bits or not. */
function differs(cells: Cells, found: Cells, next: CellChange | undefined): boolean {
  return cells.spans.some(({ start, bytes }, span) =>
    bytes.some((byte, at) => {
      const seen = found.spans[span]?.bytes[at];
      if (seen === undefined || seen === byte) return false;
      const inside = next ? start + at - next.address : -1;
      const [was, will] = [next?.before[inside], next?.after[inside]];
      if (was === undefined || will === undefined) return true;
      // Bits that do not change stay as they are.
      return ((seen ^ was) & ~(was ^ will)) !== 0;
    }),
  );
}
