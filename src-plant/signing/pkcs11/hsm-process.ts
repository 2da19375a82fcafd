/**
 * The script of the process that has the vendor's PKCS #11 library in it: a library that hangs or crashes takes no plant server
 * with it, and one that lost its token is begun anew by ending this.
 */
import { CkError, PIN_CODES } from './ck-error.ts';
import { type HsmAnswer, HsmQuestion } from './hsm-messages.ts';
import { KeyFault, Token } from './token.ts';

let token: Token | null = null;

function work(question: HsmQuestion): HsmAnswer {
  if (question.call === 'open') {
    token = Token.open(question, question.pin);
    return { opened: true };
  }
  if (token === null) throw new Error('no token is open');
  if (question.call === 'find') return { key: token.find(question.id) };
  if (question.call === 'generate') return { key: token.generate(question.kind, question.id, question.label) };
  return { signature: token.sign(question.id, question.spki, question.algorithm, question.digest) };
}

function faultOf(thrown: unknown): HsmAnswer {
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof KeyFault) return { fault: 'key', detail };
  return { fault: thrown instanceof CkError && PIN_CODES.has(thrown.code) ? 'pin' : 'module', detail };
}

function answer(message: unknown): HsmAnswer {
  try {
    return work(HsmQuestion.parse(message));
  } catch (thrown) {
    return faultOf(thrown);
  }
}

process.on('message', (message) => process.send?.(answer(message)));
// The plant server is gone.
process.on('disconnect', () => process.exit(0));
