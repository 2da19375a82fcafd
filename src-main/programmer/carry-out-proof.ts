import { createHash, type Hash } from 'node:crypto';
import { equalBytes } from '#shared/base/bytes.ts';
import type { Operation, Plan, PlannedImage } from '#shared/model/plan.ts';
import type { Role } from '#shared/model/recipe.ts';
import { mismatch, PlanFault } from './carry-out-checks.ts';

type Verify = Extract<Operation, { op: 'verify' }>;

/** That every segment of a role's image was read back and found as expected. Only `ReadBacks` makes one. */
class RoleProof {
  readonly #role: Role;

  constructor(role: Role) {
    this.#role = role;
  }

  get role(): Role {
    return this.#role;
  }
}
export type { RoleProof };

/** One segment as it is being read back, from its start to its end. */
export interface Reading {
  /**
   * The next bytes; throws `verify-mismatch` at the first that is not as expected. `final` is what shall stand there once
   * the flags are set.
   */
  take(address: number, expected: Uint8Array, found: Uint8Array, final: Uint8Array): void;
  /** Throws unless all of the segment was taken and its SHA-256 is the plan's. */
  end(): void;
}

/** What is known of one role's image: kept as digests, for images are large and slots are many. */
interface RoleReading {
  readonly image: PlannedImage;
  readonly digest: Hash;
  segments: number;
  /** Flags that were still clear stand in the digest as they will be; they have to be read back as that. By address. */
  readonly awaited: Set<number>;
}

/** What was read back from the unit, and what that proves. */
export class ReadBacks {
  readonly #plan: Plan;
  readonly #roles = new Map<Role, RoleReading>();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** A role's segments come in the order of its image, each once. */
  begin(operation: Verify): Reading {
    const role = this.#reading(operation.role);
    const segment = role.image.segments[role.segments];
    if (segment?.address !== operation.address || segment.size !== operation.size) {
      throw new PlanFault(`the ${operation.role} is not read back segment by segment`);
    }
    const digest = createHash('sha256');
    let next = operation.address;
    return {
      take: (address, expected, found, final) => {
        const difference = mismatch(address, expected, found);
        if (difference) throw difference;
        if (address !== next) throw new PlanFault(`the ${operation.role} is not read back from start to end`);
        next += found.length;
        digest.update(found);
        const pending = final !== expected && !equalBytes(expected, final);
        role.digest.update(pending ? final : found);
        if (pending) for (const flag of this.#flagsIn(operation.role, address, found.length)) role.awaited.add(flag);
      },
      end: () => {
        const whole = next === operation.address + operation.size;
        if (!whole || digest.digest('hex') !== operation.sha256) {
          throw new PlanFault('the plan and the release disagree about what must be read back');
        }
        role.segments++;
      },
    };
  }

  /** Throws unless every segment of the role was taken whole. */
  prove(role: Role): RoleProof {
    this.#whole(role);
    return new RoleProof(role);
  }

  /** The role's flag there was read back after it had been set, and is what it shall be. */
  confirmFlag(role: Role, address: number): void {
    this.#reading(role).awaited.delete(address);
  }

  /** SHA-256 over the role's segments as read back, in address order; throws when it is not the release's. */
  digest(role: Role): string {
    const reading = this.#whole(role);
    if (reading.awaited.size > 0) throw new PlanFault(`the ${role} flag was not read back`);
    const { sha256 } = reading.image;
    const found = reading.digest.digest('hex');
    if (found !== sha256) throw new PlanFault(`the ${role} read back as ${found}, the release says ${sha256}`);
    return found;
  }

  #flagsIn(role: Role, from: number, length: number): number[] {
    return this.#plan.operations.flatMap((operation) => {
      if (operation.op !== 'validate' || operation.role !== role) return [];
      const { address, size } = operation;
      return address < from + length && from < address + size ? [address] : [];
    });
  }

  #whole(role: Role): RoleReading {
    const reading = this.#reading(role);
    if (reading.segments !== reading.image.segments.length) throw new PlanFault(`the ${role} was not read back whole`);
    return reading;
  }

  #reading(role: Role): RoleReading {
    const known = this.#roles.get(role);
    if (known) return known;
    const image = this.#plan.images.find((candidate) => candidate.role === role);
    if (image === undefined) throw new PlanFault(`the plan has no ${role}`);
    const reading = { image, digest: createHash('sha256'), segments: 0, awaited: new Set<number>() };
    this.#roles.set(role, reading);
    return reading;
  }
}
