import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type DialMemory, dialQuery, newToken } from "@/api/dialling";
import type { Camera } from "@/api/types";
import { useClock } from "@/app/site";
import { Failure, Loading } from "@/parts/states";
import { byteSize, roughDuration } from "@/time/duration";
import { Closed, DialCommand } from "./DialCommand";
import { TokenOf } from "./TokenSteps";

/** In the place of the address: from where this camera dials, and its token. */
export function Dialling({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const clock = useClock();
  const dial = useQuery(dialQuery(camera.id));
  if (dial.isPending) return <Loading rows={2} />;
  if (dial.data === undefined) return <Failure error={dial.error} retry={() => void dial.refetch()} />;
  const { listening, pin, peer, connected_ms, issued_ms, memory, sent_to, sent_ms } = dial.data;
  const { rivals, rival_peer, rival_ms } = dial.data;
  const time = (ms: number | null): string => (ms === null ? "" : clock.dateTime(ms));
  const caller = (): string => {
    if (peer === null) return t("dial.never");
    return connected_ms === null
      ? t("dial.last", { peer })
      : t("dial.connected", { peer, time: time(connected_ms) });
  };
  return (
    <TokenOf
      camera={camera}
      label={t("dial.connection")}
      warning={!listening && <Closed />}
      standing={
        <>
          {caller()}
          {sent_to !== null && (
            <div role="status">{t("dial.sent", { server: sent_to, time: time(sent_ms) })}</div>
          )}
          <div className="hc-dim hc-small">
            {issued_ms === null ? t("dial.none") : t("dial.issued", { time: time(issued_ms) })}
          </div>
        </>
      }
      issued={issued_ms !== null}
      create={t("dial.create")}
      freshHint={t("dial.freshHint")}
      rivals={
        rivals > 0 ? t("dial.rivals", { count: rivals, peer: rival_peer ?? "?", time: time(rival_ms) }) : ""
      }
      issue={newToken}
      queryKey={dialQuery(camera.id).queryKey}
      show={(made) => <DialCommand camera={camera.id} made={made} />}
    >
      {(made) => (
        <>
          {pin !== null && made === null && (
            <div className="hc-dim hc-small hc-pin">
              {t("dial.pin")} <code>{pin}</code>
            </div>
          )}
          {memory !== null && <OwnMemory memory={memory} />}
        </>
      )}
    </TokenOf>
  );
}

/** What the camera keeps on its own disk, and how much of it is on its way to us. */
function OwnMemory({ memory }: { memory: DialMemory }) {
  const { t, i18n } = useTranslation();
  const size = (bytes: number): string => byteSize(bytes, i18n.language);
  return (
    <>
      <div className="hc-dim hc-small">
        {t("dial.memory", { used: size(memory.bytes), limit: size(memory.limit_bytes) })}
      </div>
      {memory.waiting_ms > 0 && (
        <div className="hc-small" role="status">
          {t("dial.bringing", { length: roughDuration(memory.waiting_ms, i18n.language) })}
        </div>
      )}
      {memory.lost_units > 0 && <div className="hc-dim hc-small">{t("dial.memoryLost")}</div>}
    </>
  );
}
