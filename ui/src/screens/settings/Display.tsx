import { SegmentedControl, Stack, Switch, useMantineColorScheme } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { enableShortcuts, shortcutsEnabled } from "@/app/shortcuts";
import { type TimeChoice, useNow, useSite } from "@/app/site";
import { LanguageSelect } from "@/parts/LanguageSelect";

export function Display() {
  const { t } = useTranslation();
  const now = useNow();
  const { clock, choice, setChoice } = useSite();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [keys, setKeys] = useState(shortcutsEnabled());
  return (
    <div className="hc-form hc-panel">
      <Stack gap="lg">
        <LanguageSelect />
        <div>
          <div className="hc-label" id="theme-label">
            {t("settings.theme")}
          </div>
          <SegmentedControl
            aria-labelledby="theme-label"
            value={colorScheme}
            onChange={(value) => setColorScheme(value as "auto" | "light" | "dark")}
            data={(["auto", "light", "dark"] as const).map((value) => ({
              value,
              label: t(`settings.theme_${value}`),
            }))}
          />
        </div>
        <div>
          <div className="hc-label" id="time-label">
            {t("settings.times")}
          </div>
          <SegmentedControl
            aria-labelledby="time-label"
            value={choice}
            onChange={(value) => setChoice(value as TimeChoice)}
            data={[
              { value: "site", label: t("settings.times_site") },
              { value: "mine", label: t("settings.times_mine") },
            ]}
          />
          <p className="hc-dim hc-num">
            {clock.dateTime(now)} · {clock.badge(now)} · {clock.zone}
          </p>
        </div>
        <Switch
          label={t("shortcuts.enabled")}
          checked={keys}
          onChange={(event) => {
            enableShortcuts(event.currentTarget.checked);
            setKeys(event.currentTarget.checked);
          }}
        />
      </Stack>
    </div>
  );
}
