import {
  createTheme,
  defaultVariantColorsResolver,
  type MantineColorsTuple,
  type VariantColorsResolver,
} from "@mantine/core";

/** Ember on deep blue-grey: the guardian beast's fire at night. */
const ember: MantineColorsTuple = [
  "#fff2ec",
  "#ffe0d2",
  "#ffbfa2",
  "#ff9a6e",
  "#fb7e48",
  "#f0682a",
  "#d9530f",
  "#b8430f",
  "#96370c",
  "#762b09",
];
const dark: MantineColorsTuple = [
  "#d8dfe9",
  "#b6c0ce",
  "#94a1b4",
  "#6b7a91",
  "#333f53",
  "#28334a",
  "#1c2634",
  "#121a25",
  "#0d141d",
  "#090f17",
];

/** Filled ember carries dark ink at night and white by day: both above 4.5:1. */
const colours: VariantColorsResolver = (input) => {
  const base = defaultVariantColorsResolver(input);
  return input.variant === "filled" && input.color === "ember"
    ? { ...base, color: "var(--hc-on-accent)" }
    : base;
};

export const theme = createTheme({
  primaryColor: "ember",
  primaryShade: { light: 7, dark: 5 },
  variantColorResolver: colours,
  // Their <header> would be a second banner of the page.
  components: {
    ModalHeader: { defaultProps: { role: "presentation" } },
    DrawerHeader: { defaultProps: { role: "presentation" } },
  },
  colors: { ember, dark },
  defaultRadius: "md",
  fontFamily:
    'Inter, "Pretendard Variable", Pretendard, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK KR", "Noto Sans KR", "Noto Sans JP", sans-serif',
  fontFamilyMonospace:
    'ui-monospace, "SF Mono", "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.1875rem" },
  radius: { xs: "3px", sm: "5px", md: "8px", lg: "12px", xl: "18px" },
  headings: {
    fontWeight: "600",
    sizes: { h1: { fontSize: "1.25rem" }, h2: { fontSize: "1rem" }, h3: { fontSize: "0.875rem" } },
  },
  cursorType: "pointer",
  respectReducedMotion: true,
});
