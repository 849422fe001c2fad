/** Who asks, and what they may. */
import type { FastifyRequest } from 'fastify';
import { FettleError } from '../../shared/errors.ts';
import { type PersonRole, personRoles } from '../../shared/protocol/people.ts';
import { firstAdmin } from '../people.ts';
import { hashToken, matchesHash } from '../secrets.ts';
import type { World } from '../world.ts';

export type Principal =
  | { readonly role: PersonRole; readonly name: string }
  | { readonly role: 'device'; readonly device: string };

/**
 * Who may use a route: everybody, whoever has any token, devices and operators, or people of at
 * least this role. `enrolling` is a device with its own token or one to enrol with: the route looks
 * that up by itself.
 */
export type Access = 'anyone' | 'enrolling' | 'known' | 'device' | PersonRole;

export type Authenticator = (request: FastifyRequest, access: Access) => Principal | null;

/**
 * Returns who asks, null where it may be anyone. The function throws `UNAUTHORIZED` without a good
 * token and `FORBIDDEN` where the token's role does not allow it.
 */
export function createAuthenticator(world: World): Authenticator {
  const adminHash = hashToken(world.secrets.adminToken);
  const principalOf = (token: string): Principal | null => {
    if (matchesHash(token, adminHash)) return { role: 'admin', name: firstAdmin };
    const person = world.people.byToken(token, world.now());
    if (person) return { role: person.role, name: person.name };
    const device = world.fleet.byTokenHash(hashToken(token));
    return device ? { role: 'device', device: device.device } : null;
  };
  return (request, access) => {
    if (access === 'anyone' || access === 'enrolling') return null;
    const token = bearerOf(request.headers.authorization);
    if (token === null) {
      throw new FettleError('UNAUTHORIZED', { reason: 'no bearer token was given' });
    }
    const principal = principalOf(token);
    if (!principal) throw new FettleError('UNAUTHORIZED', { reason: 'the token is not known' });
    if (!allows(access, principal)) {
      const reason = `it takes the role ${access}, and the token has the role ${principal.role}`;
      throw new FettleError('FORBIDDEN', { reason });
    }
    return principal;
  };
}

function allows(access: Exclude<Access, 'anyone' | 'enrolling'>, { role }: Principal): boolean {
  if (access === 'known') return true;
  if (role === 'device') return access === 'device';
  const least = access === 'device' ? 'operator' : access;
  return personRoles.indexOf(role) >= personRoles.indexOf(least);
}

export function bearerOf(header: string | undefined): string | null {
  const match = /^Bearer +([\w.~+/=-]{1,512})$/i.exec(header ?? '');
  return match?.[1] ?? null;
}
