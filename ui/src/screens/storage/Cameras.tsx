import { ActionIcon, Badge, Button, Progress, Tooltip } from "@mantine/core";
import { IconAdjustments } from "@tabler/icons-react";
import { useQueries } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type CameraForecast, cameraPolicyQuery, type Policy } from "@/api/keeping";
import { useClock } from "@/app/site";
import { DAYS, daysText, isOwn } from "@/keeping/policy";
import { byteSize } from "@/time/duration";

interface CamerasProps {
  cameras: CameraForecast[];
  fallback: Policy | undefined;
  edit: (camera: string) => void;
}

/** What each camera takes, how fast, and how long its footage is kept. */
export function Cameras({ cameras, fallback, edit }: CamerasProps) {
  const { t, i18n } = useTranslation();
  const clock = useClock();
  const policies = useQueries({
    queries: cameras.map((row) => ({ ...cameraPolicyQuery(row.camera), enabled: row.name !== "" })),
  });
  const size = (bytes: number): string => byteSize(bytes, i18n.language);
  const most = Math.max(1, ...cameras.map((row) => row.bytes));
  return (
    <section className="hc-storage-cameras">
      <header>
        <h2>{t("storage.cameras")}</h2>
        <Button
          variant="default"
          leftSection={<IconAdjustments size={16} aria-hidden />}
          onClick={() => edit("default")}
        >
          {fallback === undefined
            ? t("storage.default")
            : t("storage.defaultDays", { days: daysText(fallback), count: fallback.event_days })}
        </Button>
      </header>
      {cameras.length > 0 && (
        <div className="hc-table-wrap">
          <table className="hc-table">
            <thead>
              <tr>
                <th>{t("cameras.name")}</th>
                <th>{t("settings.used")}</th>
                <th>{t("storage.perDayHead")}</th>
                <th>{t("settings.oldest")}</th>
                <th>{t("storage.keep")}</th>
                <th>
                  <span className="hc-visually-hidden">{t("cameras.actions")}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {cameras.map((row, index) => {
                const own = policies[index]?.data;
                const name = row.name || t("storage.gone");
                return (
                  <tr key={row.camera} data-camera={row.camera}>
                    <td>
                      <strong>{name}</strong>
                    </td>
                    <td className="hc-num hc-storage-used">
                      {row.bytes === 0 ? (
                        "–"
                      ) : (
                        <>
                          {size(row.bytes)}
                          <Progress
                            value={(row.bytes / most) * 100}
                            size={4}
                            color="gray"
                            aria-label={t("storage.usedOf", { name })}
                          />
                        </>
                      )}
                    </td>
                    <td className="hc-num">
                      {row.bytes_per_day === 0 ? "–" : t("storage.perDay", { size: size(row.bytes_per_day) })}
                    </td>
                    <td className="hc-num">{row.oldest_ms === null ? "–" : clock.dateTime(row.oldest_ms)}</td>
                    <td className="hc-num">
                      {own !== undefined && (
                        <>
                          <span title={DAYS.map((name) => t(`storage.${name}`)).join(" / ")}>
                            {t("storage.days", {
                              days: daysText(own.effective),
                              count: own.effective.event_days,
                            })}
                          </span>{" "}
                          {isOwn(own) && (
                            <Badge size="sm" variant="light" color="gray">
                              {t("storage.own")}
                            </Badge>
                          )}
                        </>
                      )}
                    </td>
                    <td className="hc-row-actions">
                      {own !== undefined && (
                        <Tooltip label={t("storage.edit")}>
                          <ActionIcon
                            variant="subtle"
                            color="gray"
                            size="lg"
                            onClick={() => edit(row.camera)}
                            aria-label={t("storage.editOf", { name })}
                          >
                            <IconAdjustments size={18} stroke={1.6} />
                          </ActionIcon>
                        </Tooltip>
                      )}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
