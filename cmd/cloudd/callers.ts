import type { Caller } from '../../apis/meta/request.ts';

/** Who the tokens of an installation stand for. */
export const ADMIN: Caller = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };
export const CONTROLLERS: Caller = {
  name: 'system:lenticular:controllers',
  groups: ['system:lenticular:controllers', 'system:authenticated'],
};
