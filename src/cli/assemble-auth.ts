import type { LocalChannel } from "../auth/channels.ts";
import type { Identity } from "../auth/identity.ts";
import { noauthIdentity } from "../auth/noauth.ts";
import { pubsubChannel } from "../auth/pubsub-channel.ts";
import { cableReadyChannel, turboStreamsChannel } from "../auth/signed-channels.ts";
import type { Config } from "../config/config.ts";
import type { PartState, ReadinessPart } from "../http/health.ts";
import type { Outside } from "./assemble.ts";

/** Who is asked about a client before the application is. */
interface Identities {
  readonly asked: readonly Identity[];
  /** For the readiness page. */
  readonly parts: readonly ReadinessPart[];
}

/** @throws {CableError} `config.invalid_value` for a key that can't be used. */
export async function identitiesOf({ auth: { jwt }, server }: Config, { logger, clock }: Outside): Promise<Identities> {
  const noauth = server.isAuthSkipped ? [noauthIdentity] : [];
  if (jwt === undefined) return { asked: noauth, parts: [] };
  const { param, isEnforced, secrets, publicKeys: pem, jwks: set } = jwt;
  const { publicKeys, secretKey } = await import("../auth/jwt-keys.ts");
  const { jwtIdentity } = await import("../auth/jwt.ts");
  const jwks = set && (await import("../auth/jwks.ts")).jwks({ ...set, clock, logger });
  const keys = [...secrets.map(secretKey), ...(pem === undefined ? [] : publicKeys(pem, "jwt_public_key"))];
  logger.info("Clients may authenticate by JWT", { param, enforced: isEnforced });
  const asked = [jwtIdentity({ param, isEnforced, keys, source: jwks, clock }), ...noauth];
  if (jwks === undefined) return { asked, parts: [] };
  const check = (): PartState => {
    const { isCurrent, sinceMs, detail } = jwks.state();
    return { ok: isCurrent, sinceMs, detail };
  };
  // Not required: the last known keys go on, and every node would miss the host at the same time.
  return { asked, parts: [{ name: "jwks", isRequired: false, check }] };
}

export function localChannelsOf({ streams }: Config): readonly LocalChannel[] {
  const { pubsubChannel: name, isPublic: publicStreams, secrets, whisperInSigned, presenceInSigned, turbo, cableReady } = streams;
  return [
    pubsubChannel({ name, publicStreams, secrets, whisperInSigned, presenceInSigned }),
    ...(turbo ? [turboStreamsChannel(turbo.secrets)] : []),
    ...(cableReady ? [cableReadyChannel(cableReady.secrets)] : []),
  ];
}
