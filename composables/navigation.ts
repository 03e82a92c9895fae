/** Whether the navigation is open where it has no room beside the page. */
export function useNavigationOpen() {
  return useState('navigation-open', () => false)
}
