export {
  createIdentity,
  IDENTITY_HEADER,
  type Identity,
  type IdentityOptions,
  ISSUER,
  type Said,
} from './identity.ts';
export { configuredKeys, type IdentityKeys, keptKeys } from './identity-keys.ts';
