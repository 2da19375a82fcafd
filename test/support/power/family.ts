import type { Boot } from '#main/bench/boot/boot.ts';
import type { Faults } from '#main/bench/faults.ts';
import type { Connection } from '#main/programmer/programmer.ts';
import type { Release } from '#main/release/open-release.ts';
import type { OpenFlash } from '#main/station/release-engine.ts';
import type { CellChange, Cells } from './cells.ts';

/** What happens on the way to a unit: packets as they are sent, cells as they change. */
export interface WireWatch {
  packet(): void;
  cells(change: CellChange): void;
}

/** A unit in a fixture of the bench, every packet of it simulated. */
export interface WiredUnit {
  readonly connection: Connection;
  readonly openFlash: OpenFlash;
  /** What its cells hold now; nothing is under way. */
  cells(): Cells;
}

/** One way of programming one kind of unit, whole: release, bench, and what starts. */
export interface Family {
  readonly name: string;
  /** Another number, other bytes in each of its four images. */
  release(seed: number): Promise<Release>;
  blank(): Cells;
  /** `serial` makes it another unit, with a hardware id of its own. */
  wired(cells: Cells, watch?: WireWatch, faults?: Faults, serial?: string): WiredUnit;
  direct(release: Release, cells: Cells): Connection;
  /** What starts when the power comes back. */
  boot(cells: Cells): Boot;
  /** `locked` where all of the recipe's one-way steps are done, else how far they are: units of one stage are locked alike. */
  lockStage(cells: Cells): string;
}
