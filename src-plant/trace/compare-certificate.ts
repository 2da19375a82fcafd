import { z } from 'zod';
import type { Certificate, CertificateCheck, CertificateDifference } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { DatabaseError, type Sql } from '../database/database.ts';
import { certificateOf, provenContent, recordOf } from './certificate.ts';

export interface Comparison {
  readonly plant: string;
  /** As in QuestionedText. */
  readonly scope: readonly string[] | null;
  readonly now: Date;
  /** What an authentic one says was true: it is held against today. A changed one is held against what was signed. */
  readonly isAuthentic: boolean;
}

type Compared = CertificateCheck['compared'];

/**
 * Where a text differs from what the plant knows; null where that must not be told, or where the plant knows no such unit. To
 * whom sees some products only, nothing is told of a unit that the text does not name: else one could ask from place to place.
 */
export async function compareCertificate(sql: Sql, says: Certificate, where: Comparison): Promise<Compared> {
  try {
    return await (where.isAuthentic ? compareToday(sql, says, where) : compareSigned(sql, says, where));
  } catch (thrown) {
    // What nobody vouches for may be no value of a database at all: then the plant knows no such unit.
    if (thrown instanceof DatabaseError && thrown.code.startsWith('22')) return null;
    throw thrown;
  }
}

async function compareToday(sql: Sql, says: Certificate, { plant, scope, now }: Comparison): Promise<Compared> {
  const { serial, product } = says;
  if (scope !== null && !scope.includes(product.id)) return null;
  try {
    const today = await provenContent(sql, plant, { serial, product: product.id, now });
    return { with: 'now', differs: differencesOf(says, today).filter(({ fact }) => fact !== 'plant') };
  } catch (thrown) {
    if (!(thrown instanceof FlashlineError)) throw thrown;
    if (thrown.failure.code === 'state-conflict') return { with: 'unproven', differs: [] };
    if (thrown.failure.code === 'not-found') return null;
    throw thrown;
  }
}

const Row = z.object({ body: z.string(), genesis: z.string() });

/** Any of its facts may be the changed one: the run is looked for by its place in the chain, then by the unit. */
const BY_PLACE = `
  SELECT r.body, c.genesis FROM chains c JOIN records r ON r.chain = c.id
  WHERE c.genesis = $1 AND r.sequence = $2 AND r.verdict = 'PASS' LIMIT 1`;
const BY_UNIT = `
  SELECT r.body, c.genesis FROM records r JOIN chains c ON c.id = r.chain
  WHERE r.serial = $1 AND r.product = $2 AND r.verdict = 'PASS'
  ORDER BY r.hash = $3 DESC, r.finished_at = $4 DESC, r.finished_at DESC LIMIT 1`;

async function compareSigned(sql: Sql, says: Certificate, { plant, scope, now }: Comparison): Promise<Compared> {
  const { chain, sequence, hash } = says.record;
  const places = await sql.query(BY_PLACE, [chain, sequence], 'certificate-place');
  const unit = [says.serial, says.product.id, hash, new Date(says.finishedAt)];
  const [row] = places.length > 0 ? places : await sql.query(BY_UNIT, unit, 'certificate-unit');
  if (row === undefined) return null;
  const { body, genesis } = Row.parse(row);
  const known = certificateOf(recordOf(body), plant, genesis, now);
  if (scope !== null) {
    const isNamed = known.serial === says.serial || known.record.hash === hash;
    if (!scope.includes(known.product.id) || !isNamed) return null;
  }
  return { with: 'signed', differs: differencesOf(says, known) };
}

/** When a certificate was issued, the plant does not keep. */
const NOT_KEPT = new Set(['issuedAt']);

function differencesOf(text: Certificate, plant: Certificate): CertificateDifference[] {
  const [said, known] = [factsOf(text), factsOf(plant)];
  return [...new Set([...known.keys(), ...said.keys()])]
    .filter((fact) => !NOT_KEPT.has(fact))
    .map((fact) => ({ fact, text: said.get(fact) ?? null, plant: known.get(fact) ?? null }))
    .filter((each) => each.text !== each.plant);
}

/** Every fact by its path; an image by its role, and of several of one role by their order. */
function factsOf(certificate: Certificate): ReadonlyMap<string, string> {
  const { images, signingKeys, ...flat } = certificate;
  const facts = new Map<string, string>();
  addFacts(facts, '', flat);
  facts.set('signingKeys', signingKeys.join(', '));
  for (const { role, ...image } of images) {
    const same = [...facts.keys()].filter((fact) => fact.startsWith(`images.${role}`) && fact.endsWith('.size')).length;
    addFacts(facts, `images.${role}${same === 0 ? '' : `#${same + 1}`}.`, image);
  }
  return facts;
}

function addFacts(facts: Map<string, string>, path: string, value: object): void {
  for (const [name, each] of Object.entries(value))
    if (typeof each === 'object' && each !== null) addFacts(facts, `${path}${name}.`, each);
    else if (each !== null) facts.set(path + name, String(each));
}
