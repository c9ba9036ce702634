import { TextInput } from "@mantine/core";
import { useId } from "react";
import { useTranslation } from "react-i18next";

interface Days {
  since?: string | undefined;
  until?: string | undefined;
}

interface DayRangeProps extends Days {
  change: (days: Days) => void;
}

/** From one day of the site's calendar to another; either may be left open. */
export function DayRange({ since, until, change }: DayRangeProps) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <>
      <div className="hc-day">
        <label htmlFor={`${id}-since`}>{t("audit.from")}</label>
        <TextInput
          id={`${id}-since`}
          type="date"
          value={since ?? ""}
          max={until}
          onChange={(event) => change({ since: event.currentTarget.value || undefined })}
        />
      </div>
      <div className="hc-day">
        <label htmlFor={`${id}-until`}>{t("audit.to")}</label>
        <TextInput
          id={`${id}-until`}
          type="date"
          value={until ?? ""}
          min={since}
          onChange={(event) => change({ until: event.currentTarget.value || undefined })}
        />
      </div>
    </>
  );
}
