/** Who asks, and what they may. */
import type { FastifyRequest } from 'fastify';
import { FettleError } from '../../shared/errors.ts';
import { hashToken, matchesHash } from '../secrets.ts';
import type { World } from '../world.ts';

export type Principal =
  | { readonly role: 'admin' }
  | { readonly role: 'device'; readonly device: string };

/** Who may use a route: everybody, whoever has any token, or administrators. */
export type Access = 'anyone' | 'known' | 'admin';

export type Authenticator = (request: FastifyRequest, access: Access) => Principal | null;

/**
 * Returns who asks, null where it may be anyone. The function throws `UNAUTHORIZED` without a good
 * token and `FORBIDDEN` where the token's role does not allow it.
 */
export function createAuthenticator(world: World): Authenticator {
  const adminHash = hashToken(world.secrets.adminToken);
  const principalOf = (token: string): Principal | null => {
    if (matchesHash(token, adminHash)) return { role: 'admin' };
    const device = world.fleet.byTokenHash(hashToken(token));
    return device ? { role: 'device', device: device.device } : null;
  };
  return (request, access) => {
    if (access === 'anyone') return null;
    const token = bearerOf(request.headers.authorization);
    if (token === null) {
      throw new FettleError('UNAUTHORIZED', { reason: 'no bearer token was given' });
    }
    const principal = principalOf(token);
    if (!principal) throw new FettleError('UNAUTHORIZED', { reason: 'the token is not known' });
    if (access === 'admin' && principal.role !== 'admin') {
      throw new FettleError('FORBIDDEN', { reason: `a ${principal.role} may not do this` });
    }
    return principal;
  };
}

function bearerOf(header: string | undefined): string | null {
  const match = /^Bearer +([\w.~+/=-]{1,512})$/i.exec(header ?? '');
  return match?.[1] ?? null;
}
