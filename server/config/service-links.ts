/**
 * Kubernetes puts the address of every Service of the namespace into the environment of every container, as
 * Docker's links once did: a Service named `fleet2` gives FLEET2_SERVICE_HOST, FLEET2_SERVICE_PORT,
 * FLEET2_PORT=tcp://10.0.0.7:3000, FLEET2_PORT_3000_TCP_ADDR and more. Nobody has configured anything by
 * that. (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables)
 */
export function isServiceLink(name: string, env: NodeJS.ProcessEnv): boolean {
  const [, service, rest]
    = /^(\w+?)_(SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/.exec(
      name,
    ) ?? []
  if (!service || !rest) return false
  // All of them come together. FLEET2_PORT alone is somebody's slip.
  return (
    /^(tcp|udp|sctp):\/\//.test(env[`${service}_PORT`] ?? '') && env[`${service}_SERVICE_HOST`] !== undefined
  )
}
