export { type PrivateKeyJwk, jwsSigner, verifyJws } from '#shared/contract/jws.ts';
