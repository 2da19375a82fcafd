import type { StationState } from '#shared/contract/station.ts';
import type { Failure, FailureCode } from '#shared/model/failure.ts';

/** Said elsewhere on every screen, or of no use to whoever stands there. */
const QUIET: ReadonlySet<FailureCode> = new Set<FailureCode>(['log-slow', 'plant-unreachable', 'aborted']);

/**
 * Failures that change no verdict and yet want a person (a damaged log set aside, a disk that fills up, a backup that failed): the
 * newest of each code, until somebody says that he has seen them. What befell a slot's run is told there.
 */
export class Troubles {
  readonly #held = new Map<string, Failure>();
  #changed: () => void = () => undefined;

  get list(): readonly Failure[] {
    return [...this.#held.values()];
  }

  /** Who is told of each that comes: one at a time. */
  set changed(tell: () => void) {
    this.#changed = tell;
  }

  add(failure: Failure): void {
    if (QUIET.has(failure.code) || failure.where.slot !== undefined) return;
    this.#held.set(failure.code, failure);
    this.#changed();
  }

  /** Of this code. */
  seen(code: string): void {
    this.#held.delete(code);
  }
}

/** As the station's state has them. */
export function troublesState(troubles: Pick<Troubles, 'list'> | undefined): Pick<StationState, 'troubles'> {
  const list = troubles?.list ?? [];
  return list.length === 0 ? {} : { troubles: [...list] };
}
