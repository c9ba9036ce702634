import { Button, Switch } from "@mantine/core";
import { IconClockHour4 } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { textOr } from "@/i18n";
import type { CameraModule, ModuleInfo, Schedule } from "./modules";
import { ScheduleEditor } from "./ScheduleEditor";
import { dayNames, rowText } from "./schedule";

interface RowProps {
  module: CameraModule;
  info: ModuleInfo | undefined;
  mayChange: boolean;
  saving: boolean;
  put: (enabled: boolean, schedule: Schedule | null) => Promise<unknown>;
}

/** One module at one camera: what it is, what it does now, and its switch. */
export function ModuleRow({ module, info, mayChange, saving, put }: RowProps) {
  const { t, i18n } = useTranslation();
  const [editing, setEditing] = useState(false);
  const title = textOr(`modules.${module.name}.title`, module.name);
  const about = textOr(`modules.${module.name}.about`, "");
  const names = dayNames(i18n.language);
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 1 });
  const hours = module.schedule?.hours.map((row) => rowText(row, names)).join("; ");
  const when =
    module.schedule === null
      ? t("ai.always")
      : t(module.schedule.outside ? "ai.exceptHours" : "ai.onlyHours", { hours });
  return (
    <li className="hc-module" data-state={module.state}>
      <div className="hc-module-head">
        <h3>{title}</h3>
        <span className="hc-module-state" data-state={module.state}>
          <i aria-hidden />
          {t(`ai.state.${module.state}`)}
        </span>
        <Switch
          checked={module.enabled}
          disabled={!mayChange || saving || (module.state === "missing" && !module.enabled)}
          onChange={(event) => void put(event.currentTarget.checked, module.schedule)}
          aria-label={t("ai.switch", { name: title })}
        />
      </div>
      {about !== "" && <p className="hc-dim">{about}</p>}
      {info !== undefined && <Facts info={info} />}
      {module.error !== "" && <p className="hc-module-error">{module.error}</p>}
      {info !== undefined && !info.has_weights && module.enabled && (
        <p className="hc-dim">{t("ai.noWeights", { names: info.weights.join(", ") })}</p>
      )}
      <div className="hc-module-when">
        <IconClockHour4 size={15} stroke={1.6} aria-hidden />
        <span>{when}</span>
        {mayChange && !editing && module.state !== "missing" && (
          <Button
            size="compact-xs"
            variant="subtle"
            onClick={() => setEditing(true)}
            aria-label={t("ai.changeOf", { name: title })}
          >
            {t("ai.change")}
          </Button>
        )}
        {module.cost_ms !== null && (
          <span className="hc-dim hc-num hc-module-cost">
            {t("ai.cost", { ms: number.format(module.cost_ms) })}
          </span>
        )}
      </div>
      {editing && (
        <ScheduleEditor
          name={title}
          schedule={module.schedule}
          saving={saving}
          cancel={() => setEditing(false)}
          save={(schedule) =>
            void put(module.enabled, schedule).then(
              () => setEditing(false),
              () => undefined,
            )
          }
        />
      )}
    </li>
  );
}

function Facts({ info }: { info: ModuleInfo }) {
  const { t } = useTranslation();
  const failures = Object.values(info.failures).reduce((sum, count) => sum + count, 0);
  const facts = [
    info.version,
    info.licence,
    t(info.where === "worker" ? "ai.inWorker" : "ai.inProcess"),
    info.where === "process" && info.is_loaded ? t(`ai.kind.${info.kind}`, { fps: info.fps }) : "",
    info.missed > 0 ? t("ai.missed", { count: info.missed }) : "",
    info.late > 0 ? t("ai.late", { count: info.late }) : "",
    failures > 0 ? t("ai.failures", { count: failures }) : "",
    info.quarantined > 0 ? t("ai.quarantined", { count: info.quarantined }) : "",
  ].filter((fact) => fact !== "");
  return (
    <ul className="hc-module-facts">
      {facts.map((fact) => (
        <li key={fact}>{fact}</li>
      ))}
    </ul>
  );
}
