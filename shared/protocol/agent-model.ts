/** The name under which releases of the agent are rolled out, as if the agent were a model. */
export const agentModel = 'fettle-agent';
