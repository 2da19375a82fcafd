import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { LockOperation } from '#shared/model/plan.ts';
import type { RunEvent } from '#shared/model/run-event.ts';
import { isSimulated, type RecordDraft } from '#shared/model/unit-record.ts';
import type { OpenedUnit } from '../programmer/programmer.ts';
import { releaseRoles, waitForBadge } from './lock-release.ts';
import type { ReleaseFacts } from './engine.ts';
import type { RunServices } from './options.ts';
import type { RunRequest } from './run-opening.ts';

interface ReleaseInput {
  readonly left: readonly LockOperation[];
  readonly run: string;
  /** As it was identified. */
  readonly uid: string | null;
  readonly unit: OpenedUnit;
  readonly release: ReleaseFacts;
}

/** How one run's steps of no return are released. */
export class UnitRelease {
  readonly #request: RunRequest;
  readonly #services: RunServices;
  readonly #tell: (event: RunEvent) => void;
  #by: string | null = null;
  #waits = false;

  constructor(request: RunRequest, services: RunServices, tell: (event: RunEvent) => void) {
    this.#request = request;
    this.#services = services;
    this.#tell = tell;
  }

  /** It is written and proven, and nobody has come to release it. */
  get waits(): boolean {
    return this.#waits;
  }

  get said(): Pick<RecordDraft, 'locksReleasedBy'> {
    return this.#by === null ? {} : { locksReleasedBy: this.#by };
  }

  /** Rejects with `lock-not-released`, the signal's reason, or `unit-changed`: nobody watched the board while it waited. */
  async wait({ left, run, uid, unit, release }: ReleaseInput, io: IoContext): Promise<void> {
    const { slot, probe } = this.#request;
    const roles = releaseRoles(release.recipe);
    this.#waits = true;
    // It waits before anybody hears of it: whoever hears may have a badge at hand.
    const released = waitForBadge({ slot, roles, simulated: isSimulated({ probe }) }, this.#services, io.signal);
    this.#tell({ type: 'lock.waiting', run, slot, roles: [...roles], steps: left.map(({ name }) => name) });
    const by = await released;
    this.#by = by;
    this.#waits = false;
    this.#tell({ type: 'lock.released', run, by });
    const now = await unit.identify(io);
    if (now.uid === uid) return;
    throw new FlashlineError('unit-changed', { params: { expected: uid ?? '-', found: now.uid ?? '-' } });
  }
}
