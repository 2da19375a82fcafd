import { concat, equalBytes } from '#shared/base/bytes.ts';
import { sha256Hex } from '#shared/base/digest.ts';
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

/** What was read back from the unit, and what that proves. */
export class ReadBacks {
  readonly #plan: Plan;
  readonly #segments = new Map<Role, Map<number, Uint8Array>>();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** Takes a range's bytes; throws `verify-mismatch` at the first byte that is not as expected. */
  take(operation: Verify, expected: Uint8Array, found: Uint8Array): void {
    const matches = sha256Hex(found) === operation.sha256;
    if (!matches || !equalBytes(expected, found)) {
      const difference = mismatch(operation.address, expected, found);
      throw difference ?? new PlanFault('the plan and the release disagree about what must be read back');
    }
    const segments = this.#segments.get(operation.role) ?? new Map<number, Uint8Array>();
    segments.set(operation.address, found.slice());
    this.#segments.set(operation.role, segments);
  }

  /** Throws unless every segment of the role was taken whole. */
  prove(role: Role): RoleProof {
    this.#read(role);
    return new RoleProof(role);
  }

  /** The flag as it was read after it had been set: what is recorded is what the unit holds. */
  patch(role: Role, address: number, bytes: Uint8Array): void {
    for (const [start, segment] of this.#segments.get(role) ?? []) {
      for (let i = 0; i < bytes.length; i++) {
        const at = address + i - start;
        if (at >= 0 && at < segment.length) segment[at] = bytes[i] ?? 0;
      }
    }
  }

  /** SHA-256 over the role's segments as read back, in address order; throws when it is not the release's. */
  digest(role: Role): string {
    const { sha256 } = this.#image(role);
    const found = sha256Hex(concat(this.#read(role)));
    if (found !== sha256) throw new PlanFault(`the ${role} read back as ${found}, the release says ${sha256}`);
    return found;
  }

  #read(role: Role): Uint8Array[] {
    return this.#image(role).segments.map(({ address, size }) => {
      const bytes = this.#segments.get(role)?.get(address);
      if (bytes?.length !== size) throw new PlanFault(`the ${role} was not read back whole`);
      return bytes;
    });
  }

  #image(role: Role): PlannedImage {
    const image = this.#plan.images.find((candidate) => candidate.role === role);
    if (image === undefined) throw new PlanFault(`the plan has no ${role}`);
    return image;
  }
}
