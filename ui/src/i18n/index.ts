import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { readPreference, writePreference } from "@/app/preferences";
import enAdmin from "./en/admin.json";
import enApp from "./en/app.json";
import enCapacity from "./en/capacity.json";
import enDialling from "./en/dialling.json";
import enFilms from "./en/films.json";
import enKeeping from "./en/keeping.json";
import enModules from "./en/modules.json";
import enOnvif from "./en/onvif.json";
import enPhones from "./en/phones.json";
import enPlayback from "./en/playback.json";
import enPlayer from "./en/player.json";
import enPublishing from "./en/publishing.json";
import enPush from "./en/push.json";
import enRules from "./en/rules.json";
import enTalk from "./en/talk.json";
import enTokens from "./en/tokens.json";
import enVideo from "./en/video.json";
import enViews from "./en/views.json";
import enWalls from "./en/walls.json";

export const LANGUAGES = { en: "English", ko: "한국어", ja: "日本語" } as const;
export type Language = keyof typeof LANGUAGES;

export const en = {
  ...enApp,
  ...enVideo,
  ...enWalls,
  ...enAdmin,
  ...enCapacity,
  ...enDialling,
  ...enFilms,
  ...enKeeping,
  ...enModules,
  ...enOnvif,
  ...enPhones,
  ...enPlayback,
  ...enPlayer,
  ...enPublishing,
  ...enPush,
  ...enRules,
  ...enTalk,
  ...enTokens,
  ...enViews,
};

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "translation";
    resources: { translation: typeof en };
  }
}

const catalogues: Record<Language, () => Promise<object>> = {
  en: async () => en,
  ko: async () => {
    const parts = await Promise.all([
      import("./ko/app.json"),
      import("./ko/video.json"),
      import("./ko/walls.json"),
      import("./ko/admin.json"),
      import("./ko/capacity.json"),
      import("./ko/dialling.json"),
      import("./ko/films.json"),
      import("./ko/keeping.json"),
      import("./ko/modules.json"),
      import("./ko/onvif.json"),
      import("./ko/phones.json"),
      import("./ko/playback.json"),
      import("./ko/player.json"),
      import("./ko/publishing.json"),
      import("./ko/push.json"),
      import("./ko/rules.json"),
      import("./ko/talk.json"),
      import("./ko/tokens.json"),
      import("./ko/views.json"),
    ]);
    return Object.assign({}, ...parts.map((part) => part.default));
  },
  ja: async () => {
    const parts = await Promise.all([
      import("./ja/app.json"),
      import("./ja/video.json"),
      import("./ja/walls.json"),
      import("./ja/admin.json"),
      import("./ja/capacity.json"),
      import("./ja/dialling.json"),
      import("./ja/films.json"),
      import("./ja/keeping.json"),
      import("./ja/modules.json"),
      import("./ja/onvif.json"),
      import("./ja/phones.json"),
      import("./ja/playback.json"),
      import("./ja/player.json"),
      import("./ja/publishing.json"),
      import("./ja/push.json"),
      import("./ja/rules.json"),
      import("./ja/talk.json"),
      import("./ja/tokens.json"),
      import("./ja/views.json"),
    ]);
    return Object.assign({}, ...parts.map((part) => part.default));
  },
};

const isLanguage = (name: string): name is Language => name in LANGUAGES;

function firstLanguage(): Language {
  const wanted = [readPreference("lang") ?? "", ...navigator.languages.map((name) => name.slice(0, 2))];
  return wanted.find(isLanguage) ?? "en";
}

export function currentLanguage(): Language {
  return isLanguage(i18next.language) ? i18next.language : "en";
}

export async function setLanguage(language: Language): Promise<void> {
  if (!i18next.hasResourceBundle(language, "translation")) {
    i18next.addResourceBundle(language, "translation", await catalogues[language]());
  }
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  writePreference("lang", language);
}

export async function startLanguages(): Promise<void> {
  const language = firstLanguage();
  await i18next.use(initReactI18next).init({
    lng: "en",
    fallbackLng: "en",
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false },
  });
  await setLanguage(language);
}

/** Text of a key made at run time (an error code, a label): the fall-back when no catalogue has it. */
export function textOr(key: string, fallback: string): string {
  const found = (i18next.t as (key: string, options: object) => string)(key, { defaultValue: "" });
  return found === "" ? fallback : found;
}
