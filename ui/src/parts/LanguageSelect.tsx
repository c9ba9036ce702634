import { NativeSelect } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { currentLanguage, LANGUAGES, type Language, setLanguage } from "@/i18n";

export function LanguageSelect({ variant }: { variant?: "quiet" }) {
  const { t } = useTranslation();
  return (
    <NativeSelect
      {...(variant === "quiet"
        ? { "aria-label": t("settings.language"), className: "hc-entry-lang" }
        : { label: t("settings.language") })}
      value={currentLanguage()}
      onChange={(event) => void setLanguage(event.currentTarget.value as Language)}
      data={Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))}
    />
  );
}
