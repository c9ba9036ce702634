import { Progress } from "@mantine/core";
import { IconAlertTriangle, IconCloud, IconCloudUpload, IconServer2 } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Tier } from "@/api/keeping";
import { useClock, useNow } from "@/app/site";
import { textOr } from "@/i18n";
import { byteSize, roughDuration } from "@/time/duration";

/** Where footage lies, in the order in which it walks from one to the next. */
export function Tiers({ tiers }: { tiers: Tier[] }) {
  const { t } = useTranslation();
  return (
    <ol className="hc-tiers" aria-label={t("storage.tiers")}>
      {tiers.map((tier, rank) => (
        <TierCard key={tier.name} tier={tier} first={rank === 0} />
      ))}
    </ol>
  );
}

function TierCard({ tier, first }: { tier: Tier; first: boolean }) {
  const { t, i18n } = useTranslation();
  const clock = useClock();
  const size = (bytes: number): string => byteSize(bytes, i18n.language);
  const Icon = tier.kind === "objects" ? IconCloud : IconServer2;
  const whole = tier.free_bytes === null ? null : tier.bytes + tier.free_bytes;
  const facts: [string, string][] = [
    [t("storage.recordings"), tier.recordings.toLocaleString(i18n.language)],
    [t("settings.oldest"), tier.oldest_ms === null ? "–" : clock.dateTime(tier.oldest_ms)],
    [t("storage.newest"), tier.newest_ms === null ? "–" : clock.dateTime(tier.newest_ms)],
  ];
  return (
    <li className="hc-panel hc-tier" data-tier={tier.name} data-failed={tier.failure !== null || undefined}>
      <header>
        <Icon size={20} stroke={1.6} aria-hidden />
        <h3>{tier.name}</h3>
        <span className="hc-dim">{textOr(`storage.kind_${tier.kind}`, tier.kind)}</span>
      </header>
      <p className="hc-tier-size">
        <strong>{size(tier.bytes)}</strong>{" "}
        {whole === null ? (
          <span className="hc-dim">{t("storage.usedHere")}</span>
        ) : (
          <span className="hc-dim">{t("storage.ofWhole", { whole: size(whole) })}</span>
        )}
      </p>
      {whole !== null && (
        <>
          <Progress
            value={whole === 0 ? 0 : (tier.bytes / whole) * 100}
            size="md"
            aria-label={t("storage.usedOf", { name: tier.name })}
          />
          <p className="hc-dim hc-small hc-num">{t("storage.free", { size: size(tier.free_bytes ?? 0) })}</p>
        </>
      )}
      <Waiting tier={tier} first={first} />
      <dl className="hc-tier-facts hc-num">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <code className="hc-tier-url">{tier.url}</code>
    </li>
  );
}

/** What has not arrived there yet, and why; and what a person can do. */
function Waiting({ tier, first }: { tier: Tier; first: boolean }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  const clock = useClock();
  const { failure, since_ms, waiting_bytes, oldest_waiting_ms } = tier;
  return (
    <>
      {failure !== null && (
        <p className="hc-tier-fault" role="alert">
          <IconAlertTriangle size={17} stroke={1.7} aria-hidden />
          <span>
            <strong>
              {since_ms === null
                ? t("storage.failing")
                : t("storage.failingSince", {
                    time: clock.dateTime(since_ms),
                    length: roughDuration(now - since_ms, i18n.language),
                  })}
            </strong>
            {textOr(`errors.${failure}`, failure)}
            <span className="hc-tier-remedy">{t(first ? "storage.remedyDisk" : "storage.remedyTier")}</span>
          </span>
        </p>
      )}
      {waiting_bytes > 0 && (
        <p className="hc-tier-waiting hc-num">
          <IconCloudUpload size={17} stroke={1.7} aria-hidden />
          <span>
            {t("storage.waiting", { size: byteSize(waiting_bytes, i18n.language) })}
            {oldest_waiting_ms !== null && (
              <span className="hc-dim">
                {" "}
                ·{" "}
                {t("storage.waitingSince", { length: roughDuration(now - oldest_waiting_ms, i18n.language) })}
              </span>
            )}
          </span>
        </p>
      )}
    </>
  );
}
